# shellcheck shell=bash disable=SC2034,SC2154 # the parts of deploy.sh share its variables
# What shows how pullfix does, and tells somebody when it does not: log-based
# metrics, alert policies and a dashboard. pullfix has their files, and compares
# them with what is there.

monitoring() {
  local kind
  step 'What shows how it does, and tells when it does not'
  if [[ -n $plan ]]; then
    # shellcheck disable=SC2016 # it is for the shell that runs the plan
    printf 'monitoring=$(mktemp -d)\n'
  fi
  for kind in metrics alerts dashboards; do
    documents "$kind"
  done
}

# documents KIND [--remove] makes what is not there, changes what is other, and
# deletes what is there twice; or deletes all of them.
documents() {
  local kind=$1 folder=$work/monitoring steps value what title name file
  local flag=--config-from-file words=("--project=$project")
  local -a group
  shift
  case $kind in
    metrics) group=(gcloud logging metrics) ;;
    alerts) group=(gcloud alpha monitoring policies) flag=--policy-from-file ;;
    dashboards) group=(gcloud monitoring dashboards) ;;
  esac
  [[ -z $deployer ]] || words+=("--deployer=$deployer")
  for value in ${channels[@]+"${channels[@]}"}; do
    words+=("--notification-channel=$value")
  done
  mkdir -p "$folder"
  found "the $kind of $project" "${group[@]}" list --project="$project" --format=json || true
  steps=$("${pullfix[@]}" monitoring changes "$kind" "$folder" "${words[@]}" ${1+"$@"} <<<"$answer") ||
    fail "the $kind of $project: pullfix cannot tell what is to be done: see above"
  [[ -z $plan ]] ||
    printf '%s </dev/null >/dev/null\n' "$(show "${shown_pullfix[@]}" monitoring changes "$kind" "$mark{monitoring}" "${words[@]}")"
  while IFS=$'\t' read -r what title name file; do
    words=()
    case $what in
      create)
        [[ $kind != metrics ]] || words=("$name")
        [[ -z $plan ]] || file="$mark{monitoring}/${file##*/}"
        change "create the ${kind%s} $title" "${group[@]}" create ${words[@]+"${words[@]}"} "$flag=$file" --project="$project"
        say "${kind%s} $title" 'created'
        ;;
      update)
        change "update the ${kind%s} $title" "${group[@]}" update "$name" "$flag=$file" --project="$project"
        say "${kind%s} $title" 'updated'
        ;;
      delete) remove "${kind%s} $title" "${group[@]}" delete "$name" --project="$project" ;;
      keep) say "${kind%s} $title" 'is as it should be' ;;
      lack) left "the alert \"$title\" is not set up: give --deployer, the account whose changes raise no alarm" ;;
    esac
  done <<<"$steps"
}
