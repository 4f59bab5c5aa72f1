#!/bin/sh
# scripts/up starts what .local/env names, twice the same; scripts/down stops every process of it.
# Works on a copy of the scripts, so that the .local of the tree is left alone.
set -eu
place=$(mktemp -d)
cp -R "$1/scripts" "$place/"
cd "$place"
# Its PostgreSQL lives elsewhere when the user postgres cannot come by here.
trap 'scripts/down >/dev/null 2>&1 || true; rm -rf "$(readlink -f .local/postgres)" "$place"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

other_shape() { # CLUSTER
    cp .local/env before
    if CLUSTER=$1 scripts/up 2>said; then fail "scripts/up took another shape while one ran"; fi
    [ "$(wc -l <said)" = 1 ] || fail "scripts/up said: $(cat said)"
    grep -q 'runs already, and stays as it is: make down first' said || fail "scripts/up said: $(cat said)"
    cmp -s before .local/env || fail "scripts/up of another shape changed .local/env"
}

check() { # CLUSTER WORDS_OF_REDIS
    CLUSTER=$1 scripts/up
    cp .local/env first
    CLUSTER=$1 scripts/up
    cmp -s first .local/env || fail "a second scripts/up changed .local/env"
    # shellcheck disable=SC1091
    . .local/env
    redis-cli -p "${QCK_REDIS##*:}" info cluster | grep -q "$2" || fail "no such Redis at $QCK_REDIS"
    [ "$(psql -XAtc 'SELECT 1' "$QCK_POSTGRES")" = 1 ] || fail "no PostgreSQL at $QCK_POSTGRES"
    if [ -n "${QCK_CLICKHOUSE:-}" ]; then
        nodes=$(curl -sS "${QCK_CLICKHOUSE%%,*}" --data "SELECT count() FROM system.clusters WHERE cluster = 'qck_cluster'")
        [ "$nodes" = "$3" ] || fail "ClickHouse at $QCK_CLICKHOUSE knows '$nodes' nodes"
        # Not what an earlier .local/env left in the environment.
        named=$(sed -n 's/^QCK_CLICKHOUSE_CLUSTER=//p' .local/env)
        [ "$named" = "$4" ] || fail "the cluster of ClickHouse is named '$named'"
    fi
    other_shape "$([ -n "$1" ] || echo 1)"
    pids=$(cat .local/*/pid)
    for pid in $pids; do [ -d "/proc/$pid" ] || fail "process $pid is gone"; done
    scripts/down
    for pid in $pids; do
        # An ended process that nobody waited for has no working directory.
        [ -z "$(readlink "/proc/$pid/cwd" || true)" ] || fail "process $pid is still there"
    done
    [ ! -e .local/env ] || fail "scripts/down left .local/env"
}

# A Redis of another one, on the port that ours had.
mkdir -p .local other
taken=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --bind 127.0.0.1 --port "$taken" --dir "$place/other" --pidfile "$place/other/pid" --daemonize yes --save '' >/dev/null
until redis-cli -p "$taken" ping >/dev/null 2>&1; do sleep 0.1; done
echo "redis $taken" >.local/ports
if scripts/up 2>said; then fail "scripts/up took a port that is taken"; fi
grep -q "port $taken is taken by another program" said || fail "scripts/up said: $(tail -n 1 said)"
kill "$(cat other/pid)"
rm .local/ports

unset QCK_CLICKHOUSE
check '' cluster_enabled:0 1 ''
check 1 cluster_enabled:1 2 qck_cluster
echo "all passed"
