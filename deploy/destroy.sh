# shellcheck shell=bash disable=SC2034,SC2154 # the parts of deploy.sh share its variables
# How deploy.sh removes what it made: what pullfix may do first, what it is last.

destroy() {
  local place unused=1
  elsewhere
  confirm
  step 'What pullfix may do'
  for place in $(everywhere); do
    leave "$place"
  done
  while read -r place; do
    [[ -z $place ]] || unbind "$place" roles/secretmanager.secretAccessor "$self"
  done <<<"$channel_secrets"
  has_role pullfixRecord "projects/$project" && unbind "projects/$project" "$role" "$self"
  while read -r place; do
    unbind "projects/$project" "$place" "$builder"
  done <"$here/deploy/build-roles.txt"

  moved

  step 'What watches over it'
  for place in alerts dashboards metrics; do
    documents "$place" --remove
  done

  step 'What pullfix is'
  for place in $(everywhere); do
    sink_gone "$place"
  done
  if [[ -n $is_here ]]; then
    remove 'the function pullfix' gcloud functions delete pullfix --region="$region" --project="$project"
  else
    say 'the function pullfix' 'is not there'
  fi
  gone subscriptions "projects/$project/subscriptions/pullfix-dead-letters" pubsub subscriptions
  gone topics "$dead_letters" pubsub topics
  gone topics "$events" pubsub topics
  for place in "$self" "$trigger" "$builder"; do
    gone accounts "${place#*:}" iam service-accounts
  done
  [[ -z $organization ]] || roles_gone "organizations/$organization"
  for place in $(own_projects); do
    roles_gone "$place"
  done
  harmless=1
  gone secrets pullfix-slack secrets
  gone secrets pullfix-smtp-password secrets
  step 'What stays'
  kept
}

# everywhere prints all places where pullfix may hold a role or have a sink.
everywhere() {
  { printf '%s\n' ${sources[@]+"${sources[@]}"} ${former[@]+"${former[@]}"} && places; } | grep . | sort -u
}

# leave PLACE takes all of pullfix's own roles away there.
leave() {
  local kind id
  if [[ $1 == projects/* ]]; then
    for kind in $kinds; do
      has_role "$(role_of "$kind")" "$1" || continue
      listed "$kind" "$1"
      while read -r id; do
        [[ -n $id ]] || continue
        unbind "$id" "$role" "$self"
        [[ $kind != secret ]] || unread_unnamed "$id"
      done <<<"$answer"
    done
  fi
  for id in pullfixCheck pullfixFolders; do
    has_role "$id" "$1" && unbind "$1" "$role" "$self"
  done
  return 0
}

# gone LIST NAME GROUP… deletes what a list has, with a group of gcloud's commands.
gone() {
  local list=$1 name=${2##*/} what="the ${1%s} ${2##*/}"
  if has "$list" "$2"; then
    shift 2
    remove "$what" gcloud "$@" delete "$name" --project="$project"
  else
    say "$what" 'is not there'
  fi
}

# sink_gone PLACE removes pullfix's sink there, and what may come through it, unless
# its topic goes as well.
sink_gone() {
  local what="the sink pullfix of $1"
  if strangers_sink "$1"; then
    left "$what leads to $leads: it is of another deployment, and stays"
    return
  elif [[ -z $leads ]]; then
    say "$what" 'is not there'
    return
  fi
  [[ -n $destroy || -z $writer || " $writers " == *" $writer "* ]] || unbind "$events" roles/pubsub.publisher "$writer"
  remove "$what" gcloud logging sinks delete pullfix "$(parent_flag "$1")"
}

# roles_gone WHERE removes the custom roles of an organisation or a project.
roles_gone() {
  local file id organization=''
  [[ $1 != organizations/* ]] || organization=${1#*/}
  for file in "$here"/deploy/roles/*.yaml; do
    id=${file##*/}
    id=${id%.yaml}
    has_role "$id" "$1" || continue
    remove "the role $role" gcloud iam roles delete "$id" "$(parent_flag "$1")"
  done
}

kept() {
  printf 'The record: the log bucket pullfix-record and the sink pullfix-record of %s.\n' "$project"
  printf 'The ledger: the default Firestore database of %s, and what is in it.\n' "$project"
  printf 'What gcloud made to build the function: the repository gcf-artifacts of %s in %s, and its buckets whose names begin with gcf-v2-.\n' \
    "$project" "$region"
  printf 'The enabled services, and the grants that pullfix made for others: pullfix undo takes one back.\n'
}

confirm() {
  local word=''
  [[ -z $yes ]] || return 0
  printf 'This removes pullfix from %s: the function, its accounts, topics, secrets, alerts, metrics and dashboard, and what its accounts may do in:\n' "$project"
  everywhere | sed 's/^/  /'
  printf 'It also removes the custom roles pullfix... of %s: a second pullfix there uses the same ones.\n' \
    "${organization:+organizations/$organization and of }these projects"
  printf 'These stay.\n'
  kept
  printf 'Type the name of the project to go on: '
  read -r word || true
  [[ $word == "$project" ]] || fail "nothing was removed: you did not type $project (or use --yes)"
}
