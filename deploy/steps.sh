# shellcheck shell=bash disable=SC2034,SC2154 # the parts of deploy.sh share its variables
# What deploy.sh sets up, but for the rights that rules ask for, which are in
# grants.sh. Each function looks first, and changes only what is not so yet.

# start finds out which project this is.
start() {
  step "$first_step"
  [[ -z $plan ]] || printf 'export CLOUDSDK_CORE_DISABLE_PROMPTS=1\n'
  learn number gcloud projects describe "$project" --format='value(projectNumber)'
  say "project $project" "has the number $number"
  pubsub_agent=serviceAccount:service-$number@gcp-sa-pubsub.iam.gserviceaccount.com
}

apis() {
  local api wanted=()
  step 'The services of Google Cloud that it uses'
  found "the services of $project" gcloud services list --enabled --project="$project" --format='value(config.name)' || true
  while read -r api; do
    case $'\n'$answer$'\n' in
      *$'\n'"$api"$'\n'*) ;;
      *) wanted+=("$api") ;;
    esac
  done <"$here/deploy/apis.txt"
  if [[ ${#wanted[@]} == 0 ]]; then
    say 'services' 'all are enabled'
    return
  fi
  change 'enable services' gcloud services enable "${wanted[@]}" --project="$project"
  say 'services' "enabled ${wanted[*]}"
}

# account NAME TITLE
account() {
  local email=$1@$project.iam.gserviceaccount.com
  if found "the account $email" gcloud iam service-accounts describe "$email" --project="$project" --format='value(email)'; then
    say "account $email" 'is there'
    return
  fi
  change "create the account $email" gcloud iam service-accounts create "$1" --display-name="$2" --project="$project"
  say "account $email" 'created'
}

accounts() {
  local role
  step 'Three accounts: one runs the function, one may call it, one builds it'
  account pullfix 'pullfix: runs the function'
  account pullfix-trigger 'pullfix: calls the function'
  account pullfix-build 'pullfix: builds the function'
  while read -r role; do
    must_bind "projects/$project" "$role" "$builder"
  done <"$here/deploy/build-roles.txt"
}

# role ID WHERE sets $role to the name of a custom role that can be bound in a
# project, folder or organisation, and sees to it that the role is there as its
# file says: in the organisation, or else in the project.
role() {
  local id=$1 scope=$2 file=$here/deploy/roles/$1.yaml flag wanted is
  [[ -z $organization ]] || scope=organizations/$organization
  role=$scope/roles/$id
  [[ " $roles_done " != *" $role "* ]] || return 0
  roles_done+=" $role"
  flag=$(parent_flag "$scope")
  if ! found "the role $role" gcloud iam roles describe "$id" "$flag" \
    --format='value(deleted,title,description,stage,includedPermissions)'; then
    change "create the role $role" gcloud iam roles create "$id" "$flag" --file="$file" --quiet
    say "role $role" 'created'
    return
  fi
  is=$answer
  is=${is#False}
  if [[ $is == True* ]]; then
    change "undelete the role $role" gcloud iam roles undelete "$id" "$flag"
    say "role $role" 'undeleted'
    is=${is#True}
  fi
  wanted=$(awk '
    /^(title|description|stage):/ { sub(/^[a-z]*: */, ""); line = line "\t" $0 }
    /^- / { permissions = permissions (permissions ? ";" : "") substr($0, 3) }
    END { print line "\t" permissions }' "$file")
  if [[ $(sorted "$is") == $(sorted "$wanted") ]]; then
    say "role $role" 'is as it should be'
    return
  fi
  change "update the role $role" gcloud iam roles update "$id" "$flag" --file="$file" --quiet
  say "role $role" 'updated'
}

# sorted TEXT sorts what semicolons and tabs divide.
sorted() {
  tr ';\t' '[\n*]' <<<"$1" | sort
}

# parent_flag NAME prints the flag of gcloud for a project, folder or organisation.
parent_flag() {
  case $1 in
    folders/*) printf -- '--folder=%s' "${1#*/}" ;;
    organizations/*) printf -- '--organization=%s' "${1#*/}" ;;
    *) printf -- '--project=%s' "${1#*/}" ;;
  esac
}

# topic NAME
topic() {
  if found "the topic $1" gcloud pubsub topics describe "$1" --project="$project" --format='value(name)'; then
    say "topic $1" 'is there'
    return
  fi
  change "create the topic $1" gcloud pubsub topics create "$1" --project="$project"
  say "topic $1" 'created'
}

topics() {
  local keep=(--message-retention-duration=31d --expiration-period=never)
  step 'Where failed deploys come in, and where events end that were tried for hours'
  topic pullfix
  topic pullfix-dead-letters
  if ! found 'the subscription pullfix-dead-letters' gcloud pubsub subscriptions describe pullfix-dead-letters \
    --project="$project" --format='value(messageRetentionDuration,expirationPolicy.ttl)'; then
    change 'create the subscription pullfix-dead-letters' gcloud pubsub subscriptions create pullfix-dead-letters \
      --topic=pullfix-dead-letters "${keep[@]}" --project="$project"
    say 'subscription pullfix-dead-letters' 'created'
  elif [[ ${answer%$'\t'} == 2678400s ]]; then
    say 'subscription pullfix-dead-letters' 'keeps what comes for 31 days'
  else
    change 'update the subscription pullfix-dead-letters' gcloud pubsub subscriptions update pullfix-dead-letters \
      "${keep[@]}" --project="$project"
    say 'subscription pullfix-dead-letters' 'now keeps what comes for 31 days'
  fi
  if ! holds "$dead_letters" roles/pubsub.publisher "$pubsub_agent"; then
    change "create the agent of Pub/Sub" gcloud beta services identity create --service=pubsub.googleapis.com --project="$project"
  fi
  must_bind "$dead_letters" roles/pubsub.publisher "$pubsub_agent"
}

# sink NAME DESTINATION FILTER WHERE
sink() {
  local name=$1 destination=$2 filter=$3 where=$4 flag children=() on=''
  flag=$(parent_flag "$where")
  if [[ $where != projects/* ]]; then
    children=(--include-children) on=True
  fi
  if ! found "the sink $name of $where" gcloud logging sinks describe "$name" "$flag" \
    --format='value(disabled,interceptChildren,includeChildren,destination,filter)'; then
    change "create the sink $name of $where" gcloud logging sinks create "$name" "$destination" \
      --log-filter="$filter" "$flag" ${children[@]+"${children[@]}"}
    say "sink $name of $where" 'created'
  elif [[ $(plain "$answer") == "$(plain $'\t\t'"$on"$'\t'"$destination"$'\t'"$filter")" ]]; then
    say "sink $name of $where" 'is as it should be'
  else
    [[ -z $on ]] || children+=(--no-intercept-children)
    change "update the sink $name of $where" gcloud logging sinks update "$name" "$destination" \
      --log-filter="$filter" --no-disabled "$flag" ${children[@]+"${children[@]}"}
    say "sink $name of $where" 'updated'
  fi
}

# plain TEXT prints the answer of a look with its white space, and what is false, alike.
plain() {
  sed '1s/False//g' <<<"$1" | tr -s '[:space:]' ' '
}

# record is kept for as long as is wanted, in a bucket that is never removed.
record() {
  local place=(pullfix-record --location=global --project="$project") days was=''
  step 'The compliance record: a log bucket of its own'
  if ! found 'the log bucket pullfix-record' gcloud logging buckets describe "${place[@]}" --format='value(retentionDays,lifecycleState)'; then
    change 'create the log bucket pullfix-record' gcloud logging buckets create "${place[@]}" --retention-days="$retention_days"
    say 'log bucket pullfix-record' "created, keeps records for $retention_days days"
  else
    days=${answer%%$'\t'*}
    if [[ $answer == *DELETE_REQUESTED ]]; then
      change 'undelete the log bucket pullfix-record' gcloud logging buckets undelete "${place[@]}"
      say 'log bucket pullfix-record' 'undeleted'
    fi
    if [[ $days != "$retention_days" ]]; then
      change 'set the retention of the log bucket pullfix-record' gcloud logging buckets update "${place[@]}" \
        --retention-days="$retention_days"
      was=", before $days"
    fi
    say 'log bucket pullfix-record' "keeps records for $retention_days days$was"
  fi
  sink pullfix-record "logging.googleapis.com/projects/$project/locations/global/buckets/pullfix-record" 'log_id("pullfix")' "projects/$project"
  role pullfixRecord "projects/$project"
  must_bind "projects/$project" "$role" "$self"
}

ledger() {
  local group
  step 'What the instances share: Firestore, which forgets what has expired'
  if ! found 'the default Firestore database' gcloud firestore databases describe --database='(default)' \
    --project="$project" --format='value(type,locationId)'; then
    change 'create the default Firestore database' gcloud firestore databases create --database='(default)' \
      --location="$region" --type=firestore-native --project="$project"
    say 'Firestore' "created in $region"
  elif [[ $answer == FIRESTORE_NATIVE* ]]; then
    say 'Firestore' "is there, in ${answer#*$'\t'}"
  else
    fail "Firestore: the default database of $project is of the type ${answer%%$'\t'*}: pullfix needs one in native mode: take another project"
  fi
  found 'what expires in Firestore' gcloud firestore fields ttls list --database='(default)' --project="$project" --format='value(name)' || true
  local expiring=$answer
  for group in pullfix-events pullfix-problems pullfix-grants pullfix-budget; do
    case $expiring in
      *"/collectionGroups/$group/fields/expires"*) say "expiry of $group" 'is on' ;;
      *)
        change "let $group expire" gcloud firestore fields ttls update expires --collection-group="$group" --enable-ttl \
          --async --database='(default)' --project="$project"
        say "expiry of $group" 'switched on'
        ;;
    esac
  done
}

# secret NAME FILE keeps a value that never is an argument.
secret() {
  local name=$1 file=$2
  if ! found "the secret $name" gcloud secrets describe "$name" --project="$project" --format='value(name)'; then
    change "create the secret $name" gcloud secrets create "$name" --replication-policy=automatic --project="$project"
    say "secret $name" 'created'
  fi
  if found "the value of the secret $name" gcloud secrets versions access latest --secret="$name" --project="$project" &&
    [[ $answer == "$(cat "$file")" ]]; then
    say "secret $name" 'has this value'
  else
    change "add a value to the secret $name" gcloud secrets versions add "$name" --data-file="$file" --project="$project"
    say "secret $name" 'has a new value'
  fi
  answer=''
}

# secrets also keeps a channel to Slack that an earlier run has set up.
secrets() {
  local name
  step 'What it may read to tell people'
  if [[ -n $slack_webhook_file ]]; then
    secret pullfix-slack "$slack_webhook_file"
    slack=1
  elif found 'the secret pullfix-slack' gcloud secrets describe pullfix-slack --project="$project" --format='value(name)'; then
    say 'secret pullfix-slack' 'is there from an earlier run: Slack stays on until you delete it'
    slack=1
  fi
  [[ -z $slack ]] || must_bind "projects/$project/secrets/pullfix-slack" roles/secretmanager.secretAccessor "$self"
  if [[ -n $smtp_password_file ]]; then
    secret pullfix-smtp-password "$smtp_password_file"
    must_bind "projects/$project/secrets/pullfix-smtp-password" roles/secretmanager.secretAccessor "$self"
  fi
  while read -r name; do
    [[ -z $name ]] || bind "$name" roles/secretmanager.secretAccessor "$self" || missing "$name"
  done <<<"$channel_secrets"
}

# stage copies what the function is built from to $stage.
stage() {
  stage=$work/source
  mkdir "$stage"
  "$here/deploy/stage.sh" "$rules" "$stage"
  digest=$( (
    cd "$stage" || exit
    find . -type f | sort | tr '\n' '\0' | xargs -0 "${sum[@]}"
    printf '%s\n' "${settings[@]}"
  ) | "${sum[@]}" | cut -c 1-40)
  [[ -n $plan ]] || return 0
  # shellcheck disable=SC2016 # it is for the shell that runs the plan
  printf 'source=$(mktemp -d)\n'
  show "$here/deploy/stage.sh" "$rules" "$mark{source}"
  stage="$mark{source}"
}

function_() {
  local env=PULLFIX_PROJECT=$project build=projects/$project/serviceAccounts/${builder#*:}
  [[ -z $slack ]] || env+="|PULLFIX_SLACK=projects/$project/secrets/pullfix-slack/versions/latest"
  [[ -z $smtp ]] || env+="|PULLFIX_SMTP=$smtp|PULLFIX_EMAIL_FROM=$email_from|PULLFIX_EMAIL_TO=$email_to"
  [[ -z $smtp_password_file ]] || env+="|PULLFIX_SMTP_PASSWORD=projects/$project/secrets/pullfix-smtp-password/versions/latest"
  local settings=(
    --gen2 --region="$region" --runtime=go126 --entry-point=pullfix --trigger-topic=pullfix --retry
    --run-service-account="${self#*:}" --trigger-service-account="${trigger#*:}" --build-service-account="$build"
    --ingress-settings=internal-only --no-allow-unauthenticated --max-instances="$max_instances"
    --concurrency="$concurrency" --cpu=1 --memory=256Mi --timeout=120s "--set-env-vars=^|^$env" --project="$project")
  step 'The function, built from a copy of the source with your rules in it'
  stage
  if found 'the function' gcloud functions describe pullfix --region="$region" --project="$project" \
    --format='value(labels.pullfix_digest,state)' && [[ $answer == "$digest"$'\t'ACTIVE ]]; then
    say 'function pullfix' 'is this source with these settings and rules'
    return
  fi
  elsewhere
  say 'function pullfix' 'is being built and deployed, which takes some minutes'
  change 'deploy the function' gcloud functions deploy pullfix --source="$stage" "${settings[@]}" --update-labels=pullfix_digest="$digest"
  say 'function pullfix' 'deployed'
}

# elsewhere keeps a second function from taking the same events.
elsewhere() {
  local where name
  found 'functions in other regions' gcloud functions list --project="$project" --format='value(name.segment(3),name.segment(5))' || true
  while read -r where name; do
    [[ $name != pullfix || $where == "$region" ]] ||
      fail "function pullfix: there is one in $where: want --region=$where, or delete it first"
  done <<<"$answer"
}

# delivery sees to how events come to the function, and who may call it.
delivery() {
  local eventarc subscription
  local wanted="600"$'\t'"$dead_letters"$'\t'"50"$'\t'"10s"$'\t'"600s"
  step 'How events come: 50 times within 7 hours, and only from its own trigger'
  learn eventarc gcloud functions describe pullfix --region="$region" --project="$project" --format='value(eventTrigger.trigger)'
  learn subscription gcloud eventarc triggers describe "$eventarc" --format='value(transport.pubsub.subscription)'
  must_bind "$subscription" roles/pubsub.subscriber "$pubsub_agent"
  if found 'the subscription of the function' gcloud pubsub subscriptions describe "$subscription" \
    --format='value(ackDeadlineSeconds,deadLetterPolicy.deadLetterTopic,deadLetterPolicy.maxDeliveryAttempts,retryPolicy.minimumBackoff,retryPolicy.maximumBackoff)' &&
    [[ $answer == "$wanted" ]]; then
    say "subscription ${subscription##*/}" 'is as it should be'
  else
    change 'update the subscription of the function' gcloud pubsub subscriptions update "$subscription" --ack-deadline=600 \
      --dead-letter-topic="$dead_letters" --max-delivery-attempts=50 --min-retry-delay=10s --max-retry-delay=600s
    say "subscription ${subscription##*/}" 'updated'
  fi
  must_bind "projects/$project/locations/$region/services/pullfix" roles/run.invoker "$trigger"
}

# sinks are last: nothing comes in before all else is there.
sinks() {
  local where writer
  step 'The entries of failed deploys, from where they are logged to the topic'
  for where in "${sources[@]}"; do
    sink pullfix "pubsub.googleapis.com/$events" "$filter" "$where"
    learn writer gcloud logging sinks describe pullfix "$(parent_flag "$where")" --format='value(writerIdentity)'
    must_bind "$events" roles/pubsub.publisher "$writer"
  done
}
