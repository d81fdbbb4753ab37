# shellcheck shell=bash disable=SC2034,SC2154 # the parts of deploy.sh share its variables
# What deploy.sh sets up, but for the rights that rules ask for, which are in
# grants.sh. Each function looks first, and changes only what is not so yet.

# start finds out which project this is.
start() {
  step "$first_step"
  [[ -z $plan ]] || printf 'export CLOUDSDK_CORE_DISABLE_PROMPTS=1\n'
  learn number gcloud projects describe "$project" --format='value(projectNumber)'
  say "project $project" "has the number $number"
  [[ -n $destroy ]] || own_sinks
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
  if has accounts "$email"; then
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
  if ! listed_role "$scope" || ! found "the role $role" gcloud iam roles describe "$id" "$flag" \
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

# listed_role SCOPE reports whether $role is in the list of an organisation or a
# project, which is asked for once, and sets $deleted where it is deleted.
listed_role() {
  local file=$work/roles,${1//\//,} line
  deleted=''
  [[ -z $plan ]] || return 1
  if [[ ! -f $file ]]; then
    found "the roles of $1" gcloud iam roles list --show-deleted "$(parent_flag "$1")" --format='value(name,deleted)' || true
    printf '%s\n' "$answer" >"$file"
  fi
  line=$(grep -m 1 -F -- "$role"$'\t' "$file") || return 1
  [[ $line != *True ]] || deleted=1
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
  if has topics "projects/$project/topics/$1"; then
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
    --project="$project" --format='value(topic,messageRetentionDuration,expirationPolicy.ttl)'; then
    change 'create the subscription pullfix-dead-letters' gcloud pubsub subscriptions create pullfix-dead-letters \
      --topic=pullfix-dead-letters "${keep[@]}" --project="$project"
    say 'subscription pullfix-dead-letters' 'created'
  elif [[ ${answer%%$'\t'*} != "$dead_letters" ]]; then
    fail "the subscription pullfix-dead-letters: it is on ${answer%%$'\t'*}, and not on $dead_letters. What it holds would be lost with it: look at that (PULLFIX_PROJECT=$project pullfix dead-letters list), then run this, and deploy.sh again: gcloud pubsub subscriptions delete pullfix-dead-letters --project=$project"
  elif [[ ${answer%$'\t'} == "$dead_letters"$'\t'2678400s ]]; then
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

# see_sink NAME WHERE reports whether a sink is there, and sets $leads to where it
# leads, $writer to who writes, $excludes to its exclusions, and $sink_is to the
# rest of it.
see_sink() {
  leads='' writer='' excludes='' sink_is=''
  found "the sink $1 of $2" gcloud logging sinks describe "$1" "$(parent_flag "$2")" \
    --format='value(destination,writerIdentity,exclusions.name,disabled,interceptChildren,includeChildren,filter)' || return 1
  leads=${answer%%$'\t'*}
  sink_is=${answer#*$'\t'}
  writer=${sink_is%%$'\t'*}
  sink_is=${sink_is#*$'\t'}
  excludes=${sink_is%%$'\t'*}
  sink_is=${sink_is#*$'\t'}
}

# strangers_sink WHERE reports whether the sink pullfix there leads to the topic
# of another deployment.
strangers_sink() {
  see_sink pullfix "$1" && [[ $leads != "pubsub.googleapis.com/$events" && $leads != "pubsub.googleapis.com/projects/$number/topics/pullfix" ]]
}

# own_sinks wants no sink to be taken from another deployment, before anything is made.
own_sinks() {
  local where unused=1
  for where in "${sources[@]}"; do
    strangers_sink "$where" || continue
    fail "the sink pullfix of $where: it leads to $leads, so another pullfix has this source: end that one (its deploy.sh with --destroy, or with --formerly=$where), or, if it is gone, delete the sink: gcloud logging sinks delete pullfix $(parent_flag "$where")"
  done
}

# sink NAME DESTINATION FILTER WHERE sets up a sink that was just looked at.
sink() {
  local name=$1 destination=$2 filter=$3 where=$4 flag more=() on=''
  flag=$(parent_flag "$where")
  if [[ $where != projects/* ]]; then
    more=(--include-children) on=True
  fi
  if [[ -z $leads ]]; then
    change "create the sink $name of $where" gcloud logging sinks create "$name" "$destination" \
      --log-filter="$filter" "$flag" ${more[@]+"${more[@]}"}
    say "sink $name of $where" 'created'
  elif [[ $leads == "$destination" && -z $excludes && $(plain "$sink_is") == "$(plain $'\t\t'"$on"$'\t'"$filter")" ]]; then
    say "sink $name of $where" 'is as it should be'
  else
    [[ -z $on ]] || more+=(--no-intercept-children)
    if [[ -n $excludes ]]; then
      more+=(--clear-exclusions)
      say "sink $name of $where" "somebody added exclusions, which are taken away: $excludes"
    fi
    change "update the sink $name of $where" gcloud logging sinks update "$name" "$destination" \
      --log-filter="$filter" --no-disabled "$flag" ${more[@]+"${more[@]}"}
    say "sink $name of $where" 'updated'
  fi
}

# plain TEXT prints the answer of a look with its white space, and what is false, alike.
plain() {
  sed '1s/False//g' <<<"$1" | tr -s '[:space:]' ' '
}

# record is kept for as long as is wanted, in a bucket that is never removed.
record() {
  local own=logging.googleapis.com/projects/$project/locations/global/buckets/pullfix-record
  step 'The compliance record: a log bucket of its own'
  if see_sink pullfix-record "projects/$project" && [[ $leads == logging.googleapis.com/*/buckets/* && $leads != "$own" ]]; then
    own=$leads
    say 'the record' "goes to $own, which stays as it is"
  else
    record_bucket
  fi
  sink pullfix-record "$own" 'log_id("pullfix")' "projects/$project"
  role pullfixRecord "projects/$project"
  must_bind "projects/$project" "$role" "$self"
}

record_bucket() {
  local place=(pullfix-record --location=global --project="$project") what='log bucket pullfix-record' days wanted=${retention_days:-400}
  if ! found "the $what" gcloud logging buckets describe "${place[@]}" --format='value(retentionDays,lifecycleState,locked)'; then
    change "create the $what" gcloud logging buckets create "${place[@]}" --retention-days="$wanted"
    say "$what" "created, keeps records for $wanted days"
    return
  fi
  days=${answer%%$'\t'*}
  if [[ $answer == *$'\t'True ]]; then
    say "$what" "is locked, and stays as it is: keeps records for $days days"
    return
  fi
  if [[ $answer == *$'\t'DELETE_REQUESTED$'\t'* ]]; then
    change "undelete the $what" gcloud logging buckets undelete "${place[@]}"
    say "$what" 'undeleted'
  fi
  if [[ $days == "$wanted" ]]; then
    say "$what" "keeps records for $days days"
  elif [[ -z $retention_days && $days -gt $wanted ]]; then
    say "$what" "keeps records for $days days: only --retention-days makes that shorter"
  else
    change "set the retention of the $what" gcloud logging buckets update "${place[@]}" --retention-days="$wanted"
    say "$what" "keeps records for $wanted days, before $days"
  fi
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
  local name=$1 file=$2 is=''
  if has secrets "$name"; then
    is=1
  else
    change "create the secret $name" gcloud secrets create "$name" --replication-policy=automatic --project="$project"
    say "secret $name" 'created'
  fi
  if [[ -n $is ]] && found "the value of the secret $name" gcloud secrets versions access latest --secret="$name" --project="$project" &&
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
  elif has secrets pullfix-slack; then
    say 'secret pullfix-slack' 'is there from an earlier run: Slack stays on until you delete it'
    slack=1
  fi
  [[ -z $slack ]] || must_bind "projects/$project/secrets/pullfix-slack" roles/secretmanager.secretAccessor "$self"
  if [[ -n $smtp_password_file ]]; then
    secret pullfix-smtp-password "$smtp_password_file"
    must_bind "projects/$project/secrets/pullfix-smtp-password" roles/secretmanager.secretAccessor "$self"
  elif has secrets pullfix-smtp-password; then
    unread "projects/$project/secrets/pullfix-smtp-password"
  fi
  while read -r name; do
    [[ -z $name ]] || bind "$name" roles/secretmanager.secretAccessor "$self" || missing "$name"
  done <<<"$channel_secrets"
}

# sinks are last: nothing comes in before all else is there.
sinks() {
  local where
  step 'The entries of failed deploys, from where they are logged to the topic'
  for where in "${sources[@]}"; do
    see_sink pullfix "$where" || true
    sink pullfix "pubsub.googleapis.com/$events" "$filter" "$where"
    [[ -n $writer ]] || learn writer gcloud logging sinks describe pullfix "$(parent_flag "$where")" --format='value(writerIdentity)'
    must_bind "$events" roles/pubsub.publisher "$writer"
    writers+=" $writer"
  done
}
