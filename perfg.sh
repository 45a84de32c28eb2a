# perfg.sh MAIN OUT SECONDS [workload]
source /tmp/env.sh
CPUMS=8000 node /tmp/ab/ab.ts ${4:-handshake} 1 "x=$1@@--perf-basic-prof,--interpreted-frames-native-stack" > /tmp/h1/perf.log 2>&1 &
AB=$!
for i in $(seq 100); do sleep 0.2; P=$(pgrep -f -- "perf-basic-prof.* $1 serve" | grep -v "^$AB\$" | tail -1); [ -n "$P" ] && break; done
sleep 5; echo pid $P
perf record -F 1999 -g -p $P -o /tmp/h1/perf.data -- sleep $3 2>&1 | tail -1
wait $AB; cat /tmp/h1/perf.log
perf script -i /tmp/h1/perf.data -F comm,tid,ip,sym,dso 2>/dev/null > $2
ls -la $2
