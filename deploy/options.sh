# shellcheck shell=bash disable=SC2034,SC2154 # the parts of deploy.sh share its variables
# What deploy.sh is told: the flags, the files that they name and the rules. All
# of it is checked before anything else happens.

project='' region=us-central1 rules=rules.yaml organization=''
retention_days='' max_instances=3 concurrency=10
slack_webhook_file='' smtp='' smtp_password_file='' email_from='' email_to=''
deployer='' plan='' destroy='' yes=''
sources=() named=() former=() channels=() otel=()
slack='' checked='' writers='' roles_done='' to_do=''

options() {
  local flag value given=' '
  [[ $# != 0 ]] || set -- --help
  while [[ $# != 0 ]]; do
    flag=${1%%=*}
    case $flag in
      --help | -h) usage && exit 0 ;;
      --plan | --destroy | --yes)
        [[ $1 == "$flag" ]] || die "$flag: it takes no value"
        printf -v "${flag#--}" 1
        shift
        continue
        ;;
      --project | --region | --source | --organization | --rules | --resource | --formerly | --retention-days | \
        --max-instances | --concurrency | --slack-webhook-file | --smtp | --smtp-password-file | --email-from | --email-to | \
        --notification-channel | --deployer | --otel) ;;
      *) die "$(quoted "$1"): no such flag: ./deploy.sh --help lists them" ;;
    esac
    if [[ $1 == *=* ]]; then
      value=${1#*=}
      shift
    else
      [[ $# -gt 1 ]] || die "$flag: its value is missing"
      value=$2
      shift 2
    fi
    [[ -n $value ]] || die "$flag: its value is empty"
    case $flag in
      --source) add sources "$value" ;;
      --resource) add named "$value" ;;
      --formerly) add former "$value" ;;
      --notification-channel) add channels "$value" ;;
      --otel) add otel "$value" ;;
      *)
        [[ $given != *" $flag "* ]] || die "$flag: it is there twice"
        given+="$flag "
        flag=${flag#--}
        printf -v "${flag//-/_}" '%s' "$value"
        ;;
    esac
  done
  check_options
}

# add ARRAY VALUE
add() {
  case $1 in
    sources) sources+=("$2") ;;
    named) named+=("$2") ;;
    channels) channels+=("$2") ;;
    otel) otel+=("$2") ;;
    *) former+=("$2") ;;
  esac
}

# want FLAG VALUE PATTERN FORM
want() {
  [[ $2 != *$'\n'* && $2 =~ ^($3)$ ]] || die "$1: $(quoted "$2"): want $4"
}

# each_once FLAG VALUE… wants no value twice.
each_once() {
  local flag=$1 twice
  shift
  twice=$(printf '%s\n' "$@" | sort | uniq -d | sed -n 1p)
  [[ -z $twice ]] || die "$flag: $(quoted "$twice"): it is there twice"
}

# The forms of what names something.
a_domain='[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+'
a_short_id='[a-z]([a-z0-9-]{0,28}[a-z0-9])?'
a_project="($a_domain:)?$a_short_id"
a_place="projects/$a_project|(folders|organizations)/[1-9][0-9]{0,18}"
an_address="[A-Za-z0-9._%+-]+@$a_domain"
a_location='[a-z0-9-]+'
an_id='[A-Za-z0-9._-]+'

check_options() {
  local value
  [[ -n $project ]] || die '--project: missing: want the project that pullfix is to run in'
  [[ $project != *:* ]] || die "--project: $(quoted "$project"): want a project that is not scoped to a domain: the names of its accounts are built otherwise (as a source it will do)"
  want --project "$project" "$a_short_id" 'the id of a project, as "ops-123"'
  want --region "$region" '[a-z]+(-[a-z]+)+[0-9]+' 'a region, as "us-central1"'
  [[ -z $organization ]] || want --organization "$organization" '[1-9][0-9]{0,18}' 'the number of an organisation (gcloud organizations list)'
  [[ -n $destroy || ${#sources[@]} != 0 ]] || die '--source: missing: want where failed deploys are logged, as "projects/app-one"'
  for value in ${sources[@]+"${sources[@]}"}; do
    want --source "$value" "$a_place" '"projects/ID", "folders/NUMBER" or "organizations/NUMBER"'
    [[ $value == projects/* || -n $organization ]] || die "--source: $(quoted "$value"): want --organization NUMBER too: a role that can be bound there is of an organisation"
  done
  each_once --source ${sources[@]+"${sources[@]}"}
  for value in ${former[@]+"${former[@]}"}; do
    want --formerly "$value" "$a_place" '"projects/ID", "folders/NUMBER" or "organizations/NUMBER"'
    [[ " ${sources[*]-} " != *" $value "* || -n $destroy ]] || die "--formerly: $(quoted "$value"): it is a --source"
    [[ $value == projects/* || -n $organization ]] || die "--formerly: $(quoted "$value"): want --organization NUMBER too"
  done
  each_once --formerly ${former[@]+"${former[@]}"}
  for value in ${named[@]+"${named[@]}"}; do
    want --resource "$value" "projects/($a_project|[1-9][0-9]{0,18})/(secrets/$an_id|locations/$a_location/(repositories|services|jobs|workerPools)/$an_id)" \
      'the full name of a repository, secret, service or job, as "projects/P/locations/L/repositories/R"'
  done
  each_once --resource ${named[@]+"${named[@]}"}
  [[ -z $retention_days ]] || number --retention-days "$retention_days" 3650
  number --max-instances "$max_instances" 100
  number --concurrency "$concurrency" 80
  check_channels
  for value in ${channels[@]+"${channels[@]}"}; do
    want --notification-channel "$value" "projects/($a_project|[1-9][0-9]{0,18})/notificationChannels/$an_id" \
      'its name, as "projects/ops/notificationChannels/123" (gcloud beta monitoring channels list)'
  done
  each_once --notification-channel ${channels[@]+"${channels[@]}"}
  check_otel
  [[ -z $deployer ]] || want --deployer "$deployer" "$an_address" 'the address of an account, as "deployer@ops.iam.gserviceaccount.com"'
  [[ -z $plan || -z $destroy ]] || die '--plan: it shows what a first run does: want it without --destroy'
  readable --rules "$rules"
  for value in ${sources[@]+"${sources[@]}"} ${former[@]+"${former[@]}"}; do
    case $value in
      organizations/*) [[ $value == "organizations/$organization" ]] || die "$(quoted "$value"): it is not the --organization" ;;
    esac
  done
}

number() {
  want "$1" "$2" '[1-9][0-9]{0,8}' "a number from 1 to $3"
  [[ $2 -le $3 ]] || die "$1: $(quoted "$2"): want a number from 1 to $3"
}

# readable FLAG FILE
readable() {
  [[ $2 != *[[:cntrl:]]* ]] || die "$1: $(quoted "$2"): want a name without control characters"
  [[ -f $2 && -r $2 ]] || die "$1: $(quoted "$2"): no file that can be read"
}

# check_otel takes no headers and no user, which can be secrets and are in every
# plan, and no value that could end its variable: gcloud is told with | between them,
# and shows them with ; there.
check_otel() {
  local value
  for value in ${otel[@]+"${otel[@]}"}; do
    [[ $value == *=* ]] || die '--otel: want NAME=VALUE, as "OTEL_EXPORTER_OTLP_ENDPOINT=http://10.0.0.9:4318"'
    [[ ${value%%=*} != *HEADERS ]] || die "--otel: $(quoted "${value%%=*}"): it can hold a secret: want a collector that needs none"
    [[ $value =~ ^OTEL_[A-Z0-9_]+=[A-Za-z0-9._:/,=%+-]+$ ]] ||
      die "--otel: $(quoted "${value%%=*}"): want a variable of OpenTelemetry, without a user or a password, as \"OTEL_EXPORTER_OTLP_ENDPOINT=http://10.0.0.9:4318\""
  done
  each_once --otel ${otel[@]+"${otel[@]%%=*}"}
}

# check_channels says nothing of what is in the files: it is secret.
check_channels() {
  local value
  if [[ -n $slack_webhook_file ]]; then
    readable --slack-webhook-file "$slack_webhook_file"
    value=$(tr -d '\0' <"$slack_webhook_file")
    [[ $value =~ ^https://[^[:space:]]+$ ]] || die "--slack-webhook-file: $(quoted "$slack_webhook_file"): want one URL in it that begins with https://"
  fi
  [[ -z $smtp$email_from$email_to$smtp_password_file ]] && return
  [[ -n $smtp ]] || die '--smtp: missing: want the mail server, as "smtp://USER@HOST:587"'
  [[ -n $email_from ]] || die '--email-from: missing: want the address that mail is from'
  [[ -n $email_to ]] || die '--email-to: missing: want the addresses that mail goes to'
  [[ ! $smtp =~ ^smtps?://[^/]*:[^/]*@ ]] || die '--smtp: it holds a password: want it in a file, with --smtp-password-file'
  want --smtp "$smtp" "smtps?://(([A-Za-z0-9._%+=-]+)@)?([a-z0-9-]+|$a_domain)(:[1-9][0-9]{0,4})?" '"smtp://USER@HOST:587"'
  want --email-from "$email_from" "$an_address" 'an address, as "pullfix@example.com"'
  want --email-to "$email_to" "$an_address(,$an_address)*" 'addresses with commas between them, as "a@example.com,b@example.com"'
  if [[ -n $smtp_password_file ]]; then
    readable --smtp-password-file "$smtp_password_file"
    [[ -s $smtp_password_file ]] || die "--smtp-password-file: $(quoted "$smtp_password_file"): it is empty"
    [[ $smtp == *@* ]] || die '--smtp-password-file: want a user in --smtp too, as "smtp://USER@HOST:587"'
  fi
}

# tools finds what else is needed: $pullfix and $sum.
tools() {
  pullfix=(pullfix) shown_pullfix=(pullfix)
  if [[ -n ${PULLFIX:-} ]]; then
    pullfix=("$PULLFIX") shown_pullfix=("$PULLFIX")
    command -v "$PULLFIX" >/dev/null || die "PULLFIX: $(quoted "$PULLFIX"): no such program"
  elif command -v go >/dev/null && [[ -f $here/go.mod ]]; then
    (cd "$here" && go build -o "$work/pullfix" ./cmd/pullfix) || die 'pullfix: it cannot be built: see above'
    pullfix=("$work/pullfix") shown_pullfix=(go -C "$here" run ./cmd/pullfix)
  elif ! command -v pullfix >/dev/null; then
    die 'pullfix: missing: install Go (https://go.dev/dl/), or name a pullfix in the variable PULLFIX'
  fi
  sum=(sha256sum)
  command -v sha256sum >/dev/null || sum=(shasum -a 256)
  [[ -n $plan ]] || command -v gcloud >/dev/null || die 'gcloud: missing: install it (https://cloud.google.com/sdk/docs/install)'
}

# policy_file checks the rules and asks pullfix what they need.
policy_file() {
  local all name
  [[ $rules != -* ]] || rules=./$rules
  "${pullfix[@]}" rules check "$rules" >"$work/check" 2>&1 || { cat "$work/check" >&2 && die "--rules: $(quoted "$rules"): see above"; }
  "${pullfix[@]}" rules test "$rules" >"$work/check" 2>&1 || { cat "$work/check" >&2 && die "--rules: $(quoted "$rules"): its tests fail: see above"; }
  filter=$("${pullfix[@]}" sink-filter --account "pullfix@$project.iam.gserviceaccount.com") || die 'pullfix sink-filter: see above'
  all=$("${pullfix[@]}" rules targets "$rules") || die "--rules: $(quoted "$rules"): see above"
  targets=$(grep -E '^(repository|secret|service|job|worker-pool) ' <<<"$all" || true)
  looked_at=$(sed -n 's/^project //p' <<<"$all")
  channel_secrets=$(sed -n 's/^channel-secret //p' <<<"$all")
  folders=$(grep -x 'folders yes' <<<"$all" || true)
  resources=''
  for name in ${named[@]+"${named[@]}"}; do
    value=$("${pullfix[@]}" rules targets "$rules" --among - <<<"$name") || die "--resource: $(quoted "$name"): see above"
    [[ -n $value ]] || die "--resource: $(quoted "$name"): no rule of $(quoted "$rules") lets pullfix grant anything there"
    resources+=$value$'\n'
  done
  for name in $(places); do
    [[ " ${former[*]-} " != *" $name "* || -n $destroy ]] || die "--formerly: $(quoted "$name"): rules of $(quoted "$rules") name it"
    [[ ! $name =~ ^projects/[0-9]+$ ]] ||
      die "--rules: $(quoted "$rules"): $(quoted "$name"): want the id of the project: by its number it would be a second one"
  done
  [[ -z $folders || -n $organization ]] || die "--organization: missing: rules of $(quoted "$rules") name folders or organisations"
  if [[ -z $resources ]] && name=$(grep -m 1 '^[a-z-]* projects/[^/]*[*]' <<<"$targets"); then
    die "--resource: missing: the rules name $(quoted "${name#* }"), and no project can be listed by that: name each resource"
  fi
}

# finish says what came of it.
finish() {
  [[ -z $plan ]] || return 0
  if [[ -n $untaken ]]; then
    printf '\nDone, but for rights that are left. Changes made: %s.\n' "$changes"
  elif [[ $changes == 0 ]]; then
    printf '\nAll is as it should be: nothing was changed.\n'
  else
    printf '\nDone. Changes made: %s.\n' "$changes"
  fi
  [[ -z $to_do ]] || printf 'Left to do:\n%s' "$to_do"
  [[ -z $untaken ]] || exit 1
}
