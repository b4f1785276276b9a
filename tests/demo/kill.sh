# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154  # set by guest
#
# The demo's disaster: kills, and the recovery. Sourced by guest.

# Microseconds from a kill that hit a request until the next answer.
pauses_healed=()    # the supervisor lived: it put requests back, and started new workers
pauses_recovered=() # it died too: userblk-recover put them back, and a new one was started

kills=0          # all of them
put_back_total=0 # requests, so far

# More kills than this without a result mean that something is wrong.
kills_most=150

# Waits for $1 ms without starting a process.
exec {never}<> <(:)
nap() {
  local seconds
  printf -v seconds '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
  read -r -t "$seconds" -u "$never" || true
}

# Whether none of the processes can act.
all_dead() {
  local pid line
  for pid; do
    read -r line 2>/dev/null <"/proc/$pid/stat" || continue
    [[ ${line##*) } == [ZX]* ]] || return 1
  done
}

# Kills the processes and sets killed_at, and sets completed to the requests answered
# before the last of them was dead.
kill_all() {
  killed_at=${EPOCHREALTIME/./}
  kill -KILL "$@"
  until all_dead "$@"; do nap 1; done
  read -r completed <"$attributes/completed"
  kills=$((kills + 1))
}

# Prints when, in microseconds, the device has first answered more than $1 requests.
await_answer() {
  local answered limit=$((${EPOCHREALTIME/./} + 60000000))
  while ((${EPOCHREALTIME/./} < limit)); do
    read -r answered <"$attributes/completed"
    if ((answered > $1)); then
      echo "${EPOCHREALTIME/./}"
      return
    fi
    nap 1
  done
  return 1
}

# Sets put_back to the number of requests put back since the last call.
ask_put_back() {
  local now
  now=$(userblkctl stats --json "$device" | tr , '\n' | sed -n 's/.*"put_back": *\([0-9]\+\).*/\1/p' | head -n 1)
  [[ -n $now ]] || fail "userblkctl stats does not report what was put back"
  put_back=$((now - put_back_total))
  put_back_total=$now
}

# All workers die, spares included; their supervisor must put requests back and start new
# workers.
kill_workers() {
  local workers answered_at
  mapfile -d ' ' -t workers <"/proc/$1/task/$1/children"
  [[ ${#workers[@]} -ge $DEMO_WORKERS ]] || fail "only ${#workers[@]} workers: ${workers[*]}"
  kill_all "${workers[@]}"
  tell "kill $kills: SIGKILL to every worker, ${workers[*]}"
  answered_at=$(await_answer "$completed") || fail "no answer in 60 s after the kill"
  ask_put_back
  if [[ $put_back -eq 0 ]]; then
    echo "they held no request: does not count" | detail
    return
  fi
  pauses_healed+=($((answered_at - killed_at)))
  echo "they held $put_back requests; the supervisor put them back;" \
    "next answer $(milliseconds "${pauses_healed[-1]}") after the kill" | detail
}

# The supervisor dies with its workers: nothing happens until somebody steps in.
kill_everybody() {
  local workers orphaned answered_at status=0
  mapfile -d ' ' -t workers <"/proc/$1/task/$1/children"
  kill_all "$1" "${workers[@]}"
  tell "kill $kills: SIGKILL to the supervisor, $1, and every worker, ${workers[*]}"
  mapfile -t workers < <(pgrep -x userblkctl)
  all_dead "${workers[@]}" || fail "somebody still serves: ${workers[*]}"
  # The kills came one after the other: a survivor may have healed the queue.
  ask_put_back
  orphaned=$(attribute orphaned)
  tell "userblk-recover $device"
  userblk-recover "$device" >"$state/pending" || status=$?
  detail <"$state/pending"
  [[ $status -eq $((orphaned > 0 ? 3 : 0)) ]] || fail "status $status with $orphaned orphaned requests"
  [[ $(attribute completed) -eq $completed ]] || fail "requests were answered while nobody served"
  await_answer "$completed" >"$state/answered" &
  recover "$orphaned"
  serve
  wait $! || fail "no answer in 60 s after serve"
  answered_at=$(<"$state/answered")
  if [[ $orphaned -eq 0 ]]; then
    echo "the dead held no request: does not count" | detail
    return
  fi
  pauses_recovered+=($((answered_at - killed_at)))
  echo "next answer $(milliseconds "${pauses_recovered[-1]}") after the kill" | detail
}

# Puts back what the dead held; this must be $1 requests.
recover() {
  tell "userblk-recover --reset $device"
  userblk-recover --reset "$device" | detail || fail "userblk-recover --reset"
  ask_put_back
  [[ $put_back -eq $1 ]] || fail "$put_back requests were put back, not $1"
}

kills_met() { echo $((${#pauses_healed[@]} + ${#pauses_recovered[@]})); }

# Kills at random moments, alternately without and with the supervisor, until enough
# kills of each kind have hit held requests.
kill_rounds() {
  local boss
  until [[ -e $state/copying ]]; do nap 50; done
  while (($(kills_met) < DEMO_KILLS)); do
    ((kills < kills_most)) || fail "only $(kills_met) of $kills kills hit held requests"
    [[ ! -e $state/copy-failed ]] || fail "the copy failed"
    boss=$(supervisor)
    [[ -n $boss ]] || fail "no supervisor"
    nap $((500 + RANDOM % 2000))
    if ((${#pauses_healed[@]} <= ${#pauses_recovered[@]})); then
      kill_workers "$boss"
    else
      kill_everybody "$boss"
    fi
  done
}

summarize_kills() {
  echo "  kills                               $kills"
  echo "  that hit held requests              $(kills_met)," \
    "in ${#pauses_recovered[@]} of them the supervisor died too; $put_back_total requests put back"
  echo "  pause, supervisor lives             $(median_and_longest ${pauses_healed[@]+"${pauses_healed[@]}"})"
  echo "  pause, until userblk-recover helps  $(median_and_longest ${pauses_recovered[@]+"${pauses_recovered[@]}"})"
}
