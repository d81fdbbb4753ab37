# shellcheck shell=bash disable=SC2034,SC2154 # the parts of deploy.sh share its variables
# The rights that pullfix has where its entries come from, and on what its rules
# name: those that are wanted are given, others of its own roles taken away.

kinds='repository secret service job'

# checks lets pullfix read what its checks need.
checks() {
  local where
  step 'Read, and change nothing: where the entries come from, and where the rules lead'
  for where in "${sources[@]}" $(places); do
    [[ " $checked " != *" $where "* ]] || continue
    checked+=" $where"
    role pullfixCheck "$where"
    must_bind "$where" "$role" "$self"
  done
  [[ -n $plan || " ${sources[*]}" == *' '[fo]* || $looked_at != *'*'* ]] ||
    left "rules name projects by a pattern: pullfix's checks can read there only in those that are a --source, or hold a --resource:
$(sed -n '/[*]/s/^/    /p' <<<"$looked_at")"
  for where in "${sources[@]}"; do
    if [[ $where == projects/* ]]; then
      continue
    elif [[ -n $folders ]]; then
      role pullfixFolders "$where"
      must_bind "$where" "$role" "$self"
    elif has_role pullfixFolders "$where"; then
      unbind "$where" "$role" "$self"
    fi
  done
}

# grants lets pullfix change the policies of what the rules name, each by itself.
grants() {
  local where kind
  step 'Change the policy of what the rules let it grant on, each by itself'
  for where in $(looked_into); do
    for kind in $kinds; do
      grants_of "$kind" "$where"
    done
    worker_pools "$where"
  done
}

# looked_into prints the projects that are sources, or that rules name.
looked_into() {
  { printf '%s\n' "${sources[@]}" && places; } | grep '^projects/' | sort -u
}

# worker_pools PROJECT leaves to a person what gcloud has no command for.
worker_pools() {
  local name
  while read -r name; do
    [[ -n $name ]] || continue
    role pullfixGrantRun "$1"
    left "$name: gcloud has no command for its policy: give ${self#*:} the role $role there with Terraform (google_cloud_run_v2_worker_pool_iam_member)"
  done <<<"$(direct | sed -n "s|^worker-pool \($1/.*\)|\1|p" | sort -u)"
}

# formerly takes away all that pullfix has where it has no business any more.
formerly() {
  local where
  [[ ${#former[@]} != 0 ]] || return 0
  step 'What pullfix has where it has no business any more'
  if [[ -n $plan ]]; then
    printf '# Only a run can tell what that is, and takes it away: %s\n' "${former[*]}"
    return
  fi
  for where in "${former[@]}"; do
    leave "$where"
    sink_gone "$where"
  done
}

# moved takes away what the projects' own roles allow, where the organisation has
# the roles now.
moved() {
  local where unused=1 all
  [[ -n $organization && -z $plan ]] || return 0
  step 'What roles of the projects allow, where the organisation has the roles now'
  all=$(own_projects)
  local organization=''
  for where in $all; do
    leave "$where"
  done
  if has_role pullfixRecord "projects/$project"; then
    unbind "projects/$project" "$role" "$self"
  fi
}

# own_projects prints the projects that may have roles of their own.
own_projects() {
  { printf 'projects/%s\n' "$project" && everywhere; } | grep '^projects/' | sort -u
}

# places prints the projects of all that the rules or --resource name, also of
# what rules only observe.
places() {
  { sed -n 's|^[a-z-]* \(projects/[^/*]*\)/.*|\1|p' <<<"$(direct)" && grep -v '[*]' <<<"$looked_at"; } | grep . | sort -u
}

# direct prints the lines of all that is named in full, and of patterns in one project.
direct() {
  grep -v '^[a-z-]* projects/[^/]*[*]' <<<"$targets" || true
  printf '%s' "$resources"
}

# grants_of KIND PROJECT
grants_of() {
  local kind=$1 where=$2 id named open='' wanted='' name there=''
  id=$(role_of "$kind")
  named=$(direct | sed -n "s|^$kind \($where/.*\)|\1|p" | sort -u)
  if [[ $named == *'*'* ]]; then
    open=1
    named=$(grep -v '[*]' <<<"$named" || true)
  fi
  if [[ -n $open$named ]]; then
    role "$id" "$where"
  elif ! has_role "$id" "$where"; then
    return 0 # nobody can hold it
  fi
  if [[ -n $plan ]]; then
    [[ -z $open ]] || show_open "$kind" "$where"
  else
    listed "$kind" "$where"
    there=$answer
    [[ -z $open || -z $answer ]] || wanted=$("${pullfix[@]}" rules targets "$rules" --among - <<<"$answer" | sed -n "s/^$kind //p") ||
      fail "what is in $where: pullfix cannot tell what rules name: see above"
  fi
  wanted=$(printf '%s\n' "$named" "$wanted" | sort -u)
  while read -r name; do
    [[ -n $name ]] || continue
    [[ $'\n'$wanted$'\n' == *$'\n'"$name"$'\n'* ]] || unbind "$name" "$role" "$self"
    [[ $kind != secret ]] || unread_unnamed "$name"
  done <<<"$there"
  while read -r name; do
    [[ -z $name ]] || bind "$name" "$role" "$self" || missing "$name"
  done <<<"$wanted"
}

# unread NAME ends that pullfix may read a secret, unless a channel of the rules
# is in it. Rules may name its project by its number.
unread() {
  ! grep -qE "^projects/[0-9]+/secrets/${1##*/}$" <<<"$channel_secrets" || return 0
  [[ $'\n'$channel_secrets$'\n' == *$'\n'"$1"$'\n'* ]] || unbind "$1" roles/secretmanager.secretAccessor "$self"
}

# unread_unnamed is unread for what is not made here.
unread_unnamed() {
  case $1 in
    "projects/$project/secrets/pullfix-slack" | "projects/$project/secrets/pullfix-smtp-password") ;;
    *) unread "$1" ;;
  esac
}

role_of() {
  case $1 in
    repository) printf pullfixGrantRepository ;;
    secret) printf pullfixGrantSecret ;;
    *) printf pullfixGrantRun ;;
  esac
}

# has_role ID WHERE sets $role to the name of a custom role, and reports whether
# it is there.
has_role() {
  local scope=$2
  [[ -z $organization ]] || scope=organizations/$organization
  role=$scope/roles/$1
  [[ " $roles_done " != *" $role "* ]] || return 0
  listed_role "$scope" && [[ -z $deleted ]]
}

# listing KIND PROJECT sets $command to what lists the names of a kind, $form to
# what makes full names of them.
listing() {
  local id=${2#projects/}
  form="s|^|$2/secrets/|"
  case $1 in
    repository)
      command=(artifacts repositories list --location=all --format="value[separator='/repositories/'](name.segment(3),name.segment(5))")
      form="s|^|$2/locations/|"
      ;;
    secret) command=(secrets list --format='value(name.basename())') ;;
    service | job)
      command=(run "$1s" list --format="value[separator='/$1s/'](metadata.labels['cloud.googleapis.com/location'],metadata.name)")
      form="s|^|$2/locations/|"
      ;;
  esac
  command=(gcloud "${command[@]}" --project="$id")
}

# listed KIND PROJECT sets $answer to the full names.
listed() {
  local command form unused=1
  listing "$1" "$2"
  found "what is in $2" "${command[@]}" || true
  [[ -z $answer ]] || answer=$(sed "$form" <<<"$answer")
}

# show_open KIND PROJECT shows the commands for what only a run can list.
show_open() {
  local command form text line=$'\n' file=$rules name='_ _ _ location _ name' full="$2/locations/$mark{location}"
  case $1 in
    repository) full+="/repositories/$mark{name}" ;;
    secret) name='_ _ _ name' full="$2/secrets/$mark{name}" ;;
    *) full+="/$1s/$mark{name}" ;;
  esac
  [[ $rules == /* || ${shown_pullfix[*]} != go\ * ]] || file=$PWD/$rules
  listing "$1" "$2"
  printf '%s |\n' "$(show "${command[@]}")"
  printf '  sed %s |\n  %s |\n' "$(quoted "$form")" "$(show "${shown_pullfix[@]}" rules targets "$file" --among -)"
  policy "$full" add-iam-policy-binding
  text=$(show "${command[@]}" --member="$self" --role="$role")
  printf '  while IFS=/ read -r %s; do\n    %s </dev/null\n  done\n' "$name" "${text//$line/$line    }"
}

# missing NAME notes that something is named which does not exist.
missing() {
  say "$1" 'does not exist'
  left "$1: a rule names it, and it does not exist: run this again when it does"
}

# left TEXT notes what is left for a person to do.
left() {
  [[ -z $plan ]] || printf '# %s\n' "$1"
  to_do+="- $1"$'\n'
}
