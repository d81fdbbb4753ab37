#!/usr/bin/env bash
# Sets pullfix up in Google Cloud, and removes it: ./deploy.sh --help
# Nothing in it is newer than bash 3.2, the one of macOS.
set -euo pipefail
export LC_ALL=C # the digest depends on the order of names
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
here=$(dirname "${BASH_SOURCE[0]}")
first_step='Which project it is'

usage() {
  cat <<'END'
Set pullfix up in a project of Google Cloud, or bring what is there up to date.

  ./deploy.sh --project ops --source projects/app-one --plan
  ./deploy.sh --project ops --source projects/app-one

The first shows every command that the second runs. Run it again whenever the
rules or the source change, and after a run that was cut off: it looks at what
is there, and changes only what differs. A whole organisation, with Slack:

  ./deploy.sh --project ops --source organizations/123456789012 \
    --organization 123456789012 --rules rules.yaml --slack-webhook-file webhook.txt

What it must know
  --project P           the project that pullfix is to run in. It needs a billing
                        account. Others in it can act for pullfix: take one of its own
  --source NAME         where failed deploys are logged: projects/P, folders/N or
                        organizations/N. For more than one, repeat it
What it may know
  --region R            where it runs: us-central1 where you do not say
  --rules FILE          the policy file: rules.yaml. It is checked and tested first
  --organization N      make the custom roles in this organisation, once, instead of in
                        each project. A source that is a folder or an organisation, and
                        rules that name one, need it
  --resource NAME       one of the resources that a rule with * names, by its full name,
                        as projects/P/secrets/S. Others are found by listing the project.
                        Needed where the project has a *. Repeat it
  --formerly NAME       a project, folder or organisation that is no source any more, and
                        that the rules do not name any more: what pullfix may do there
                        ends. Repeat it
  --retention-days N    keep the compliance record so long: 400, or longer where it is so
  --max-instances N     run so many instances at the most: 3
  --concurrency N       so many events at once in each: 10
Whom it tells
  --slack-webhook-file FILE   a file that holds the URL of a webhook of Slack
  --smtp URL                  the mail server, as smtp://USER@HOST:587
  --smtp-password-file FILE   a file that holds the password of USER
  --email-from ADDRESS        whom mail is from
  --email-to A[,A]            to whom it goes
  --notification-channel NAME  a channel of Cloud Monitoring that is told where pullfix
                        itself needs somebody: projects/P/notificationChannels/N.
                        Without one its alerts stand in the console alone. Repeat it
  --deployer ADDRESS    the account that runs this, whose changes raise no alarm:
                        without it there are no alerts about changes of others
What it sends
  --otel NAME=VALUE     a variable of OpenTelemetry, as
                        OTEL_EXPORTER_OTLP_ENDPOINT=http://10.0.0.9:4318. Without an
                        endpoint no metrics and traces are sent. Repeat it
What it does
  --plan                print every command of a first run, call none, change nothing
  --destroy             remove what it made, but not the record and the ledger. It asks
  --yes                 do not ask
  --help                this text

It needs gcloud, logged in, and Go or a pullfix on the PATH or in the variable
PULLFIX. docs/install.md says what the account of gcloud needs.

Exit status: 0 it is all there (or gone), 1 Google Cloud refused something, 2 bad
usage or bad input, and nothing was done.
END
}

# shellcheck source=deploy/options.sh
. "$here/deploy/options.sh"
# shellcheck source=deploy/gcloud.sh
. "$here/deploy/gcloud.sh"
# shellcheck source=deploy/steps.sh
. "$here/deploy/steps.sh"
# shellcheck source=deploy/function.sh
. "$here/deploy/function.sh"
# shellcheck source=deploy/grants.sh
. "$here/deploy/grants.sh"
# shellcheck source=deploy/monitoring.sh
. "$here/deploy/monitoring.sh"
# shellcheck source=deploy/destroy.sh
. "$here/deploy/destroy.sh"

options "$@"
work=$(mktemp -d)
trap ended EXIT
tools
policy_file

self=serviceAccount:pullfix@$project.iam.gserviceaccount.com
trigger=serviceAccount:pullfix-trigger@$project.iam.gserviceaccount.com
builder=serviceAccount:pullfix-build@$project.iam.gserviceaccount.com
events=projects/$project/topics/pullfix
dead_letters=projects/$project/topics/pullfix-dead-letters

start
if [[ -n $destroy ]]; then
  destroy
else
  apis
  accounts
  topics
  record
  ledger
  secrets
  checks
  grants
  function_
  delivery
  monitoring
  sinks
  formerly
  moved
fi
finish
