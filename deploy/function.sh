# shellcheck shell=bash disable=SC2034,SC2154 # the parts of deploy.sh share its variables
# The function, which is deployed where it is not as it should be, and how events
# come to it.

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
  local env="GOMEMLIMIT=200MiB|PULLFIX_PROJECT=$project" build=projects/$project/serviceAccounts/${builder#*:}
  [[ -z $slack ]] || env+="|PULLFIX_SLACK=projects/$project/secrets/pullfix-slack/versions/latest"
  [[ -z $smtp ]] || env+="|PULLFIX_SMTP=$smtp|PULLFIX_EMAIL_FROM=$email_from|PULLFIX_EMAIL_TO=$email_to"
  [[ -z $smtp_password_file ]] || env+="|PULLFIX_SMTP_PASSWORD=projects/$project/secrets/pullfix-smtp-password/versions/latest"
  [[ ${#otel[@]} == 0 ]] || env+=$(printf '|%s' "${otel[@]}")
  local settings=(
    --gen2 --region="$region" --runtime=go126 --entry-point=pullfix --trigger-topic=pullfix --retry
    --run-service-account="${self#*:}" --trigger-service-account="${trigger#*:}" --build-service-account="$build"
    --ingress-settings=internal-only --no-allow-unauthenticated --max-instances="$max_instances"
    --concurrency="$concurrency" --cpu=1 --memory=256Mi --timeout=120s "--set-env-vars=^|^$env" --project="$project")
  step 'The function, built from a copy of the source with your rules in it'
  stage
  if found 'the function' gcloud functions describe pullfix --region="$region" --project="$project" --format="$function_format" &&
    as_wanted "$answer" "$env" && events_come; then
    return
  fi
  subscription='' # the one of a new trigger is another
  elsewhere
  say 'function pullfix' 'is being built and deployed, which takes some minutes'
  change 'deploy the function' gcloud functions deploy pullfix --source="$stage" "${settings[@]}" --update-labels=pullfix_digest="$digest"
  say 'function pullfix' 'deployed'
}

# What gcloud shows of the function; the variables are last.
function_format="value[separator='|'](labels.pullfix_digest,state,serviceConfig.ingressSettings,serviceConfig.maxInstanceCount,\
serviceConfig.maxInstanceRequestConcurrency,serviceConfig.timeoutSeconds,serviceConfig.serviceAccountEmail,\
eventTrigger.retryPolicy,eventTrigger.trigger,serviceConfig.environmentVariables)"

# as_wanted SHOWN VARIABLES reports whether the function is as it would be
# deployed, and says what somebody changed since it was. Google adds a variable.
as_wanted() {
  local is variables wanted="ACTIVE|ALLOW_INTERNAL_ONLY|$max_instances|$concurrency|120|${self#*:}|RETRY_POLICY_RETRY" name=''
  eventarc=$(cut -d '|' -f 9 <<<"$1")
  variables=$(cut -d '|' -f 10- <<<"$1" | tr ';' '\n' | grep -v '^LOG_EXECUTION_ID=' | sort)
  is=$(cut -d '|' -f 2-8 <<<"$1")
  ! name=$(grep -m 1 '^PULLFIX_MODE=' <<<"$variables") || say 'function pullfix' "somebody set $name: deploying it anew ends that"
  if [[ ${1%%|*} != "$digest" ]]; then
    return 1
  elif [[ $variables != "$(tr '|' '\n' <<<"$2" | sort)" ]]; then
    [[ -n $name ]] || say 'function pullfix' 'somebody changed its variables'
  elif [[ $is != "$wanted" ]]; then
    say 'function pullfix' "it is not as it was deployed: $is"
  else
    say 'function pullfix' 'is this source with these settings and rules'
    return 0
  fi
  return 1
}

# events_come reports whether the subscription that calls the function is on the topic.
events_come() {
  if [[ -n $eventarc ]] &&
    found 'the trigger of the function' gcloud eventarc triggers describe "$eventarc" --format='value(transport.pubsub.subscription)' &&
    [[ -n $answer ]] && subscription=$answer && see_subscription && [[ ${delivers%%$'\t'*} == "$events" ]]; then
    return 0
  fi
  say 'function pullfix' "its subscription is not on $events: it is deployed anew"
  return 1
}

# see_subscription reports whether $subscription is there, and sets $delivers to how.
see_subscription() {
  delivers=''
  found 'the subscription of the function' gcloud pubsub subscriptions describe "$subscription" \
    --format='value(topic,ackDeadlineSeconds,deadLetterPolicy.deadLetterTopic,deadLetterPolicy.maxDeliveryAttempts,retryPolicy.minimumBackoff,retryPolicy.maximumBackoff)' ||
    return 1
  delivers=$answer
}

# elsewhere keeps a second function from taking the same events. It sets $is_here
# where there is one in the region.
elsewhere() {
  local where name
  is_here=''
  found 'functions in other regions' gcloud functions list --project="$project" --format='value(name.segment(3),name.segment(5))' || true
  while read -r where name; do
    [[ $name != pullfix || $where != "$region" ]] || is_here=1
    [[ $name != pullfix || $where == "$region" ]] ||
      fail "function pullfix: there is one in $where: want --region=$where, or delete it first"
  done <<<"$answer"
}

# delivery sees to how events come to the function, and who may call it.
delivery() {
  local wanted="$events"$'\t600\t'"$dead_letters"$'\t'"50"$'\t'"10s"$'\t'"600s"
  step 'How events come: 50 times within 7 hours, and only from its own trigger'
  if [[ -z $subscription ]]; then
    learn eventarc gcloud functions describe pullfix --region="$region" --project="$project" --format='value(eventTrigger.trigger)'
    learn subscription gcloud eventarc triggers describe "$eventarc" --format='value(transport.pubsub.subscription)'
    see_subscription || true
  fi
  must_bind "$subscription" roles/pubsub.subscriber "$pubsub_agent"
  if [[ $delivers == "$wanted" ]]; then
    say "subscription ${subscription##*/}" 'is as it should be'
  elif [[ -z $plan && ${delivers%%$'\t'*} != "$events" ]]; then
    fail "the subscription ${subscription##*/}: it is ${delivers:+on ${delivers%%$'\t'*}, and }not on $events, also after the function was deployed: run this, and deploy.sh again: gcloud functions delete pullfix --region=$region --project=$project"
  else
    change 'update the subscription of the function' gcloud pubsub subscriptions update "$subscription" --ack-deadline=600 \
      --dead-letter-topic="$dead_letters" --max-delivery-attempts=50 --min-retry-delay=10s --max-retry-delay=600s
    say "subscription ${subscription##*/}" 'updated'
  fi
  must_bind "projects/$project/locations/$region/services/pullfix" roles/run.invoker "$trigger"
}
