# shellcheck shell=bash disable=SC2034,SC2154 # the parts of deploy.sh share its variables
# How deploy.sh talks to gcloud. A look changes nothing, and with --plan is not
# made at all: everything is taken as not there yet. A change is printed by
# --plan, and else made, again where waiting may help.

answer='' # of the last look
error=''  # of the last command that failed
changes=0 # made so far
unused='' # set where a service that is not enabled is as good as one with nothing in it
disabled='SERVICE_DISABLED|has not been used in project|not enabled on project'
mark=$'\001' # stands for the $ of a shell variable that only a run knows

untaken=''  # the rights that could not be taken away
harmless='' # set where nobody is left who could use them

# fail says what went wrong in a run; die what is wrong with the input.
fail() {
  printf 'deploy.sh: %s\n' "$*" >&2
  exit 1
}

die() {
  printf 'deploy.sh: %s\n' "$*" >&2
  exit 2
}

# step TEXT heads a group of commands.
step() {
  [[ -z $plan || $* == "$first_step" ]] || printf '\n'
  printf '# %s\n' "$*"
}

# say THING WHAT tells what was found or done.
say() {
  [[ -n $plan ]] || printf '%s: %s\n' "$1" "$2"
}

# quoted WORD prints a word as a shell reads it.
quoted() {
  local quote="'" escaped="'\\''" head=''
  if [[ $1 =~ ^(--[a-z-]+=)(.+)$ ]]; then
    head=${BASH_REMATCH[1]}
    set -- "${BASH_REMATCH[2]}"
  fi
  case $1 in
    *"$mark"*) printf '%s"%s"' "$head" "${1//$mark/$}" ;;
    '' | *[!A-Za-z0-9_./:=@%+,-]*) printf "%s'%s'" "$head" "${1//$quote/$escaped}" ;;
    *) printf '%s%s' "$head" "$1" ;;
  esac
}

# show WORD… prints a command, a long one with each flag on a line of its own.
show() {
  local word sep='' line='' lines=''
  for word in "$@"; do
    word=$(quoted "$word")
    line+=$sep$word
    case $word in
      --*) lines+=${sep:+ $'\\\n  '}$word ;;
      *) lines+=$sep$word ;;
    esac
    sep=' '
  done
  [[ ${#line} -gt 100 ]] || lines=$line
  printf '%s\n' "$lines"
}

# says PATTERN reports whether gcloud's last error does.
says() {
  [[ $error =~ $1 ]]
}

absent() {
  says 'NOT_FOUND|[Nn]ot found|does not exist|status=\[404\]|HttpError 404|is in (DISABLED|DESTROYED) state' && return
  [[ -n $unused ]] && says "$disabled"
}

# passing: what was made a moment ago may not be seen everywhere yet, and a
# policy may have been changed by somebody else meanwhile.
passing() {
  says '[Ss]ervice account .* does not exist|does not exist in the resource.s hierarchy|actAs.*may not exist' ||
    says '[Ss]ervice [Aa]gent|missing permission on the build service account' || { [[ -z $unused ]] && says "$disabled"; } ||
    says 'ABORTED|concurrent|UNAVAILABLE|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|try again|status=\[(409|429|500|503)\]'
}

# explain WHAT ends the run with gcloud's error and what to do.
explain() {
  local line
  printf 'deploy.sh: %s: gcloud says:\n' "$1" >&2
  while IFS='' read -r line; do
    printf '  %s\n' "$line" >&2
  done <"$work/error"
  if says "$disabled"; then
    printf 'Enable that service in that project: gcloud services enable.\n' >&2
  elif says 'PERMISSION_DENIED|does not have permission|status=\[403\]'; then
    printf 'The account of gcloud may not do this (gcloud auth list): docs/install.md says what it needs.\n' >&2
  elif says '[Bb]illing'; then
    printf 'Link the project to a billing account: gcloud billing projects link.\n' >&2
  elif says 'gcloud auth|[Cc]redential|[Rr]eauth'; then
    printf 'Log in: gcloud auth login.\n' >&2
  elif says '[Oo]rganization [Pp]olicy|constraints/|permitted customer'; then
    printf 'A policy of the organisation forbids it: ask who is responsible for it.\n' >&2
  fi
  printf 'Then run the same command again: it goes on where it stopped.\n' >&2
  exit 1
}

# reason prints gcloud's last error as one line that is not too long, from where
# gcloud itself begins: what some commands say before it tells nobody why.
reason() {
  local text
  text=$(sed -n '/^ERROR: (gcloud/,$p' <<<"$error")
  text=$(tr -s '[:space:]' ' ' <<<"${text:-$error}")
  text=${text% }
  [[ ${#text} -le 400 ]] || text=${text:0:397}...
  printf '%s' "$text"
}

# tried CMD… runs a command, again for about two minutes while that may help.
# Its output is in $answer.
tried() {
  local wait
  for wait in 5 10 20 40 60 0; do
    if answer=$("$@" 2>"$work/error" </dev/null); then
      return 0
    fi
    IFS='' read -r -d '' error <"$work/error" || true
    if [[ $wait == 0 ]] || ! passing; then
      return 1
    fi
    printf '  waiting %s s: %s\n' "$wait" "$(reason)" >&2
    sleep "$wait"
  done
}

# found WHAT CMD… reports whether something is there.
found() {
  local what=$1
  shift
  answer=''
  [[ -z $plan ]] || return 1
  if tried "$@"; then
    return 0
  fi
  absent || explain "look at $what"
  return 1
}

# has LIST NAME reports whether the project has something of that name. Each list is
# asked for once in a run: a start of gcloud takes a second and more.
has() {
  local file=$work/$1
  local -a command
  [[ -z $plan ]] || return 1
  if [[ ! -f $file ]]; then
    case $1 in
      accounts) command=(iam service-accounts list --format='value(email)') ;;
      topics) command=(pubsub topics list --format='value(name)') ;;
      subscriptions) command=(pubsub subscriptions list --format='value(name)') ;;
      secrets) command=(secrets list --format='value(name.basename())') ;;
    esac
    found "the $1 of $project" gcloud "${command[@]}" --project="$project" || true
    printf '%s\n' "$answer" >"$file"
  fi
  grep -qxF -- "$2" "$file"
}

# learn VARIABLE CMD… sets a variable to what a command prints.
learn() {
  local variable=$1
  shift
  if [[ -n $plan ]]; then
    # shellcheck disable=SC2016 # it is for the shell that runs the plan
    printf '%s=$(%s)\n' "$variable" "$(show "$@")"
    answer="$mark{$variable}"
  elif ! tried "$@"; then
    explain "look up the $variable"
  elif [[ -z $answer ]]; then
    fail "look up the $variable: $(show "$@"): it is empty: run this again in a minute"
  fi
  printf -v "$variable" '%s' "$answer"
}

# change WHAT CMD… changes something. What is made already, and was not seen, is
# made.
change() {
  local what=$1
  shift
  if [[ -n $plan ]]; then
    show "$@"
    return
  fi
  if ! tried "$@" && ! { [[ " $* " == *' create '* ]] && says 'ALREADY_EXISTS|already exists'; }; then
    explain "$what"
  fi
  changes=$((changes + 1))
}

# remove WHAT CMD… removes something that may be gone meanwhile.
remove() {
  removed "$@" || explain "remove $1"
}

# removed is remove where the run goes on without.
removed() {
  local what=$1
  shift
  tried "$@" || absent || return 1
  changes=$((changes + 1))
  say "$what" 'removed'
}

# policy NAME VERB sets $command to the gcloud command for a resource's policy.
policy() {
  local name=$1 verb=$2 any=()
  local -a part
  IFS=/ read -r -a part <<<"$name"
  [[ $verb == get-iam-policy ]] || any=(--condition=None)
  case $name in
    */repositories/*) command=(artifacts repositories "$verb" "${part[5]}" --location="${part[3]}" --project="${part[1]}") ;;
    */services/*) command=(run services "$verb" "${part[5]}" --region="${part[3]}" --project="${part[1]}" ${any[@]+"${any[@]}"}) ;;
    */jobs/*) command=(run jobs "$verb" "${part[5]}" --region="${part[3]}" --project="${part[1]}") ;;
    */secrets/*) command=(secrets "$verb" "${part[3]}" --project="${part[1]}" ${any[@]+"${any[@]}"}) ;;
    */topics/*) command=(pubsub topics "$verb" "${part[3]}" --project="${part[1]}") ;;
    folders/*) command=(resource-manager folders "$verb" "${part[1]}" ${any[@]+"${any[@]}"}) ;;
    organizations/*) command=(organizations "$verb" "${part[1]}" ${any[@]+"${any[@]}"}) ;;
    projects/*/subscriptions/* | "$mark"*) command=(pubsub subscriptions "$verb" "$name") ;;
    *) command=(projects "$verb" "${part[1]}" ${any[@]+"${any[@]}"}) ;;
  esac
  command=(gcloud "${command[@]}")
}

# holds NAME ROLE MEMBER reports whether a member has a role on a resource,
# without a condition. 2 is that there is no such resource, 3 that its policy cannot
# be read. A policy is read once in a run, and then known with what the run changes
# of it.
holds() {
  local file=$work/policy,${1//\//,}
  [[ -z $plan ]] || return 1
  if [[ ! -f $file ]]; then
    policy "$1" get-iam-policy
    tried "${command[@]}" --flatten='bindings[].members' \
      --format='value(bindings.condition.expression,bindings.role,bindings.members)' || { absent && return 2; } || return 3
    printf '%s\n' "$answer" >"$file"
  fi
  grep -qxF -- $'\t'"$2"$'\t'"$3" "$file"
}

# bind NAME ROLE MEMBER lets a member have a role on a resource. It fails where
# there is no such resource.
bind() {
  local state=0
  holds "$@" || state=$?
  case $state in
    0) say "$1" "${3#*:} has $2" ;;
    1)
      policy "$1" add-iam-policy-binding
      change "let $3 have $2 on $1" "${command[@]}" --member="$3" --role="$2"
      [[ -n $plan ]] || printf '\t%s\t%s\n' "$2" "$3" >>"$work/policy,${1//\//,}"
      say "$1" "${3#*:} now has $2"
      ;;
    2) return 1 ;;
    *) explain "look at the policy of $1" ;;
  esac
}

# must_bind is bind for what has to be there.
must_bind() {
  bind "$@" || fail "$1: it does not exist, or gcloud's account may not see it"
}

# unbind NAME ROLE MEMBER takes a role away where the member has it. Where that
# fails, others can be taken away all the same.
unbind() {
  local state=0 rest
  holds "$@" || state=$?
  [[ -z $destroy || -n $organization ]] || of_an_organisation "$1"
  [[ $state != 3 ]] || remains "$1: $2 of ${3#*:}, if it has that: the policy cannot be read"
  [[ $state == 0 ]] || return 0
  policy "$1" remove-iam-policy-binding
  removed "$1: $2 of ${3#*:}" "${command[@]}" --member="$3" --role="$2" || { remains "$1: $2 of ${3#*:}" && return; }
  rest=$(grep -vxF -- $'\t'"$2"$'\t'"$3" "$work/policy,${1//\//,}" || true)
  printf '%s\n' "$rest" >"$work/policy,${1//\//,}"
}

# of_an_organisation NAME notes the roles of an organisation in its policy, which
# somebody has to know the organisation for.
of_an_organisation() {
  local other file=$work/policy,${1//\//,}
  [[ -f $file ]] || return 0
  while read -r other; do
    [[ -z $other || $to_do == *"- $1: pullfix has $other"* ]] ||
      left "$1: pullfix has $other there: only --destroy with --organization takes that away, or you"
  done <<<"$(awk -F '\t' -v self="$self" '$2 ~ /^organizations\/.*\/roles\/pullfix/ && $3 == self { print $2 }' "$file")"
}

# remains RIGHT notes what could not be taken away, and why.
remains() {
  say "$1" 'it is not taken away: see the end'
  untaken+="- $1"$'\n'"  $(reason)"$'\n'
}

# ended names what could not be taken away, also where something else ended the run.
ended() {
  rm -rf "$work"
  [[ -n $untaken ]] || return 0
  printf 'deploy.sh: these rights could not be taken away:\n%s' "$untaken"
  if [[ -n $harmless ]]; then
    printf 'The accounts and roles are deleted, so that these give nothing any more. To be rid of them, take each away\n'
  else
    printf 'They count until they are taken away. If the same command fails again, take each away\n'
  fi
  printf 'on the page of that resource in the console, or with a tool of yours that writes version 3 of a policy:\n'
  printf 'where any binding has a condition, Google wants that, and gcloud does not do it for every resource.\n'
} >&2
