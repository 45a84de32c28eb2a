// Keys of nginx, Envoy, HAProxy, Traefik, Caddy and gRPC itself that people write in an upstream or in the retries and timeouts of
// a route, by the map that they stand in. other-program-keys.ts says how a line is read, and looks them up.

const outliers = 'write outliers: { consecutive: 5, ejection: 30s }, beside endpoints';
const health = 'write health: { type: grpc, interval: 10s, unhealthyAfter: 3 }, beside endpoints';
const ownPort = 'remove it; checks go to the address of each endpoint, with the port of the calls';
const keptOpen =
  'remove it; HTTP/2 connections are kept open until the service closes them, those of protocol: http1 for 60 s or as long as its Keep-Alive field says';
const retryOn = 'write on: [UNAVAILABLE], the gRPC statuses to be retried';
const resolver = 'remove it; names are asked of the servers in /etc/resolv.conf, and /etc/hosts comes first';

export const upstreamKeys = {
  upstream: `
    server servers host hosts address addresses nodes targets target members loadassignment lbendpoints backends url urls endpoint | endpoints | write endpoints: ["127.0.0.1:50051"]
    name |  | remove it; the key in upstreams is the name
    port | endpoints | write endpoints: ["127.0.0.1:50051"], address and port together
    pool poolsize maxconns |  | write connections: { max: <16> }, which is 16 by default and 1024 with protocol: http1; they are kept open by themselves
    maxconnections |  | write connections: { max: <16> }, for each endpoint and process
    http2 grpc h2 http2protocoloptions appprotocol scheme | protocol | write protocol: h2c, h2 (TLS) or http1
    ssl | tls | write protocol: h2, with tls: { ca: FILE } where the certificate is of an authority of your own
    type discoverytype resolve |  | remove it; write dns: { name: NAME, port: PORT } to follow all addresses of a name
    resolver dnsservers dnsresolvers |  | ${resolver}
    dnslookupfamily |  | write dns: { name: NAME, port: PORT, type: A }; A asks for both families, AAAA for IPv6 alone
    dnsrefreshrate dnsrefresh |  | write dns: { name: NAME, port: PORT }; the time to live of the answer counts, between minTtl and maxTtl
    slowstart slowstartconfig slowstartwindow | slowStart | write slowStart: <30s>
    healthypanicthreshold panicthreshold | panic | write panic: <50%>
    commonlbconfig |  | write panic: 50%, and zone: prefer, beside endpoints
    localitylbconfig zoneawarelbconfig locality topology |  | write zone: prefer, and the zone of each endpoint
    lbpolicy loadbalancing loadbalancer loadbalance algorithm balancer | balance | write balance: least-requests, or another of its values
    orca orcaweights clientsideweightedroundrobin enableoobloadreport | weights | write weights: orca
    leastconn leastrequest leasttime |  | write balance: least-requests
    iphash |  | write balance: ring-hash, with hash: client
    hashpolicy ringhash sticky |  | write balance: ring-hash, with hash: { header: x-session }
    circuitbreakers circuitbreaker thresholds |  | write limits: { streams: 1000, pending: 1024, retries: 20% }; connections: { max } bounds connections
    maxrequests maxconcurrentrequests |  | write limits: { streams: <1000> }
    maxpendingrequests queue |  | write limits: { pending: <1024> }
    retrybudget maxretries |  | write limits: { retries: 20% }
    connectionkeepalive |  | write keepalive: { after: 20s, timeout: 20s }
    keepalivetimeout keepaliverequests keepalivetime |  | ${keptOpen}
    idletimeout maxidle |  | ${keptOpen}
    maxfails consecutive5xx consecutivegatewayerrors |  | write outliers: { consecutive: <5> }
    failtimeout failduration |  | write outliers: { ejection: <30s> }
    outlierdetection passivehealthcheck observe errorlimit |  | ${outliers}
    healthcheck healthchecks activehealthcheck optionhttpchk httpchk check inter rise fall |  | ${health}`,
  endpoint: `
    host hostname ip server url target ipaddress |  | write address: 127.0.0.1:50051, with its port
    port |  | write address: 127.0.0.1:50051, host and port together
    backup | priority | write priority: 1
    down disabled drain |  | remove the endpoint from the list
    maxconns maxconnections |  | connections are bounded for each endpoint by connections: { max }, beside endpoints
    maxfails failtimeout failduration |  | ${outliers}
    loadbalancingweight | weight | write weight: <1>
    region locality availabilityzone az datacenter | zone | write zone: <a>
    slowstart |  | write slowStart: 30s, beside endpoints
    tls ssl |  | write protocol: h2 and tls, beside endpoints
    check inter rise fall healthcheck |  | ${health}`,
  upstreamLimits: `
    maxrequests maxconcurrentrequests requests calls | streams | write streams: <1000>
    maxpendingrequests maxpending queue | pending | write pending: <1024>
    maxretries retrybudget budget | retries | write retries: 20%
    maxconnections connections maxconns |  | write connections: { max: <16> }, beside limits`,
  keepalive: `
    time keepalivetime interval connectionidleinterval pinginterval idle | after | write after: <20s>
    keepalivetimeout pingtimeout | timeout | write timeout: <20s>
    idletimeout |  | ${keptOpen}
    requests keepaliverequests |  | remove it; a connection may carry any number of calls
    connections |  | write connections: { max: <16> }, beside keepalive; they are kept open by themselves
    permitwithoutstream permitwithoutcalls permitkeepalivewithoutcalls |  | remove it; services are asked only while there are calls, as gRPC wants it
    enabled |  | remove it; keepalive: off switches it off`,
  health: `
    unhealthythreshold fall maxfails failures failurethreshold retries | unhealthyAfter | write unhealthyAfter: <3>
    healthythreshold rise passes successes successthreshold minhealthy | healthyAfter | write healthyAfter: <1>
    grpchealthcheck grpcservice servicename | service | write type: grpc, with service: NAME for one service
    httphealthcheck uri url healthuri | path | write type: http, with path: /healthz
    tcphealthcheck |  | write type: tcp
    status expectedstatuses expectstatus match |  | remove it; a GET must be answered 200
    inter every period intervalseconds | interval | write interval: <10s>
    fastinter downinter unhealthyinterval |  | remove it; while checks fail they come ten times as often, every 1 s to 10 s
    jitter intervaljitter |  | remove it; checks are spread by themselves
    port healthport address host |  | ${ownPort}
    scheme tls |  | remove it; checks use the protocol and the tls of the upstream
    mode protocol | type | write type: grpc, http or tcp
    enabled |  | remove it; health is on where it stands`,
  outliers: `
    consecutive5xx consecutivegatewayfailure consecutivegatewayerrors consecutivelocaloriginfailure maxfails errorlimit failures | consecutive | write consecutive: <5>
    baseejectiontime failtimeout failduration ejectiontime baseejection | ejection | write ejection: <30s>
    maxejectionpercent maxejection maxejectionpercentage | maxEjected | write maxEjected: <50%>
    maxejectiontime |  | remove it; an endpoint is kept out for 300 s at most
    interval window |  | remove it; failures are counted as they come, and their share over 10 s
    retryon statuses codes unhealthystatus | on | write on: [UNAVAILABLE]
    successratestdevfactor successrateminimumhosts failurepercentagethreshold failurepercentagerequestvolume failurepercentageminimumhosts enforcingconsecutive5xx |  | remove it; the share of failures is judged by itself, from two endpoints on
    enabled |  | remove it; endpoints are ejected where outliers stands, also as outliers: {}`,
  streams: `
    maxstreamduration maxconnectionage maxduration age | maxAge | write maxAge: <1h>
    max maxrequests limit maxconcurrent |  | write limits: { streams: <1000> }, beside streams`,
  dns: `
    host hostname domain | name | write name: voice.internal
    resolver servers dnsservers nameservers |  | ${resolver}
    family dnslookupfamily lookupfamily | type | write type: A for both families, AAAA for IPv6 alone
    refresh refreshrate interval dnsrefreshrate ttl valid |  | remove it; the time to live of the answer counts, between minTtl and maxTtl
    service |  | write name: _grpc._tcp.voice.internal, with type: SRV`,
  retry: `
    numretries tries maxattempts maxretries retries count grpcnextupstreamtries lbretries | attempts | write attempts: 3, the first included
    retryon retryableStatusCodes statuses codes conditions | on | ${retryOn}
    pertrytimeout perattemptrecvtimeout timeout | perTry | write perTry: <5s>
    initialbackoff retrybackoff baseinterval initialinterval interval | backoff | write backoff: <100ms>
    maxinterval | maxBackoff | write maxBackoff: <2s>
    backoffmultiplier multiplier |  | remove it; each pause is twice as long as the one before, by chance shorter
    retrybudget budget budgetpercent |  | write upstreams.NAME.limits: { retries: 20% }
    enabled |  | remove it; calls are retried where retry stands, also as retry: {}`,
  timeouts: `
    read readtimeout grpcreadtimeout proxyreadtimeout send sendtimeout grpcsendtimeout proxysendtimeout idletimeout streamidletimeout | idle | streams may be silent as long as they like; to end them, write idle: <1h>
    timeout request requesttimeout route upstream maxstreamduration | deadline | write deadline: <30s>, which also ends streams; the deadline that a client sets (grpc-timeout) is enforced anyway
    grpctimeoutheadermax maxgrpctimeout | maxDeadline | write maxDeadline: <1h>
    connect connecttimeout dial |  | write upstreams.NAME.connections: { connectTimeout: <5s> }
    pertry pertrytimeout |  | write retry: { perTry: <5s> }, beside timeouts`,
} as const;
