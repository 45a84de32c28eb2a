// Keys of nginx, Envoy, HAProxy, Traefik and Caddy that people write from habit, each with a hint: what does the same in
// Framegate, or that nothing does. The table comes first, the lookup after it.

import type { ConfigPath } from './config-path.ts';
import { policyKeys } from './other-program-policy-keys.ts';
import { upstreamKeys } from './other-program-upstream-keys.ts';

export interface OtherProgramKey {
  readonly hint: string;
  /** The key of the same map that the user meant, if there is one. It is then not also reported as missing. */
  readonly meant?: string;
}

type Section =
  | 'anywhere'
  | 'root'
  | 'listener'
  | 'tls'
  | 'certificate'
  | 'route'
  | 'match'
  | 'connections'
  | 'admin'
  | 'log'
  | keyof typeof upstreamKeys
  | keyof typeof policyKeys;

const certificateFiles = 'write listeners[].tls.certificates, each with cert and key, the names of PEM files';
const noRetries =
  'write routes[].retry: { attempts: 3, on: [UNAVAILABLE] }; what no service has processed is sent again anyway';
const noEdits =
  'write routes[].headers: { request: { set: { x-tenant: blue } } }; there are request, response and trailers, each with set, add and remove';
const rates =
  'write routes[].limits: [{ count: calls, rate: 100/s, by: [client] }]; docs/rate-limits.md says how';
const clientCertificates = 'write listeners[].tls.clientAuth: { ca: FILE, mode: require }';

/**
 * Each line holds names in lower case without '-', '_' and '.', then the key that is meant (or nothing), then the hint. In a hint,
 * `<30s>` stands for the value that was written, or for 30s if that is no single value; `upstreams.NAME` for the upstream's path.
 */
const entries: Readonly<Record<Section, string>> = {
  ...upstreamKeys,
  ...policyKeys,
  root: `
    server servers frontend frontends entrypoints listener bind listen port ports | listeners | write listeners: [{ address: "0.0.0.0:8443" }]
    clusters cluster backends backend services service upstream pools | upstreams | write upstreams: { NAME: { endpoints: ["127.0.0.1:50051"] } }
    route location locations virtualhosts vhosts rules paths routing ingress proxies | routes | write routes: [{ match: { path: /package.Service/* }, upstream: NAME }]
    tls ssl certificates |  | TLS belongs to a listener: listeners[].tls.certificates
    version apiversion |  | remove it; the form of this file has no version
    include includes import |  | a configuration is one file; anchors may be kept under keys that begin with x-
    user group pid daemon chroot |  | the service manager decides that (User= of a systemd unit)
    env environment vars variables |  | variables are not filled in here; anchors may be kept under keys that begin with x-
    defaults default |  | every key has its default; anchors may be kept under keys that begin with x-
    metrics prometheus stats stubstatus status dashboard healthz health ping |  | the admin server has /metrics, /live and /ready: admin.address
    logging logs |  | write log: { level: info, access: true }
    worker processes | workers | write workers: auto, or a number`,
  listener: `
    listen port ports bind host ip socket listenaddress socketaddress addresses | address | write address: 0.0.0.0:8443
    certificates certificate cert certs | tls | ${certificateFiles}
    key | tls | ${certificateFiles}
    routes route location locations filterchains filters |  | routes stand at the top of the file; match.listener binds one to a listener
    upstream |  | routes[].upstream says where calls go; match.listener binds a route to a listener
    protocol |  | remove it; HTTP/2 and HTTP/1.1 are told apart by what the client says, and tls serves TLS
    permissions permission filemode socketmode perm | mode | write mode: "0660", in quotes
    owner group user |  | the socket belongs to the user of this process; a systemd socket has SocketUser= and SocketGroup=`,
  tls: `
    cert certfile certificate certificatefile certs | certificates | ${certificateFiles}
    key keyfile privatekey certificatekey | certificates | ${certificateFiles}
    ca cacert clientca clientcafile verify verifyclient |  | ${clientCertificates}
    enabled enable |  | remove it; tls is on where it stands
    maxversion |  | there is none; TLSv1.3 is used where the client has it
    sni servername servernames |  | certificates are chosen by the names they hold; routes[].match.host matches hosts`,
  certificate: `
    certificate certfile certificatechain chain fullchain crt pem file path filename | cert | write cert: fullchain.pem
    keyfile privatekey certificatekey | key | write key: privkey.pem
    passphrase password passwordfile keypassword |  | keys are not encrypted here; decrypt it: openssl pkey -in FILE -out FILE
    ca chainfile intermediate intermediates cabundle |  | the intermediates stand behind the certificate in the file of cert
    sni servername servernames hosts host domains names |  | remove it; certificates are chosen by the names they hold`,
  route: `
    path prefix location url uri pattern paths | match | write match: { path: /package.Service/* }
    host hosts servername domain domains hostname hostnames | match | write match: { host: grpc.example.com }
    listener entrypoint entrypoints | match | write match: { listener: NAME }
    service services method methods | match | write match: { path: /package.Service/* }, or /package.Service/Method
    endpoints endpoint address addresses url urls target backend backends cluster destination to action route forwardto usebackend servers pass | upstream | write upstream: NAME, the name of one in upstreams
    grpcpass proxypass grpcspass fastcgipass | upstream | write upstream: NAME; its addresses are upstreams.NAME.endpoints
    weight weights weightedclusters splitclients canary | split | write split: [{ upstream: NAME, weight: 95 }, { upstream: OTHER, weight: 5 }]
    mirror shadow |  | calls are not copied by this version
    return directresponse response fixedresponse | respond | write respond: { status: 503, body: "Back at ten." }
    httpsredirect forcehttps redirectscheme redirectto | redirect | write redirect: { to: https }
    header addheader setheader proxysetheader grpcsetheader requestheaders requestheaderstoadd headersup headerup | headers | write headers: { request: { set: { x-tenant: blue } } }
    responseheaders responseheaderstoadd headerdown | headers | write headers: { response: { set: { x-tenant: blue } } }
    hostrewrite hostrewriteliteral hostheader preservehost autohostrewrite | authority | write authority: NAME, which services get as :authority
    tls ssl |  | TLS to clients is listeners[].tls, TLS to services upstreams.NAME.tls
    protocol |  | write it at the upstream: upstreams.NAME.protocol
    priority order |  | remove it; the most specific route wins, whatever the order`,
  match: `
    prefix pathprefix | path | write path: /package.Service/*
    service | path | write path: /package.Service/*
    method methods | path | write path: /package.Service/Method; HTTP methods are not matched
    regex saferegex pathregex regexp | path | regular expressions are not matched; write path, exact or a prefix that ends in *
    domain domains authority hosts hostname hostnames servername sni | host | write host: grpc.example.com, or "*.example.com"; for several hosts write a route each
    paths | path | write path; for several paths write a route each
    header | headers | write headers: { x-tenant: blue }
    port |  | write match.listener: NAME, the listener with the port
    query queryparams queryparameters |  | a query is not part of what is matched
    cookie cookies |  | write headers: { cookie: "..." }, which is compared as a whole
    client clientip sourceip remoteaddr source cidr |  | addresses of clients are not matched by this version`,
  connections: `
    timeout connect | connectTimeout | write connectTimeout: <5s>
    maxconnections maxconns limit size | max | write max: <16>
    maxpendingrequests pending queue |  | write limits: { pending: <1024> }, beside connections
    maxrequests |  | write limits: { streams: <1000> }, beside connections
    maxconcurrentstreams |  | the service says how many calls a connection may carry; connections.max bounds their number
    keepalive |  | write it beside connections: keepalive: { after: 20s, timeout: 20s }, or off
    idletimeout keepalivetimeout |  | there is none; HTTP/2 connections are kept until the service closes them, those of protocol: http1 for 60 s or as long as its Keep-Alive field says`,
  admin: `
    port host listen bind ip | address | write address: 127.0.0.1:9901
    auth password secret apikey bearer authorization credentials tokenfile | token | write token: { file: FILE }, a file that holds it
    enabled enable disabled | | write admin: off where none is wanted`,
  log: `
    json encoding style pretty | format | write format: json, or text; auto is text on a terminal alone
    path output destination filename | file | write file: /var/log/framegate/framegate.log, or nothing for standard output
    dir directory | file | write file: /var/log/framegate/framegate.log, one file for all records
    stdout | | remove it; records go to standard output unless file names a file
    rotate rotation maxsize | | remove it; logrotate moves the file of log.file, which is opened again at SIGHUP`,
  anywhere: `
    listen bind port |  | the address of a listener is listeners[].address, such as 0.0.0.0:8443
    servername servernames |  | hosts are matched by routes[].match.host
    grpcpass proxypass grpcspass fastcgipass |  | routes[].upstream names an upstream, upstreams.NAME.endpoints are its addresses
    timeout timeouts requesttimeout responsetimeout maxstreamduration |  | calls and streams may last as long as they like; to end them, write routes[].timeouts: { deadline: <1h> }; the deadline that a client sets (grpc-timeout) is enforced anyway
    readtimeout writetimeout sendtimeout grpcreadtimeout grpcsendtimeout proxyreadtimeout proxysendtimeout timeoutserver timeoutclient timeouttunnel |  | remove it; streams may be silent as long as they like; to end those that are, write routes[].timeouts: { idle: <1h> }
    grpctimeoutheadermax |  | write routes[].timeouts: { maxDeadline: <1h> }
    streamidletimeout idle clientbodytimeout |  | remove it; streams may be silent as long as they like; to end those that are, write routes[].timeouts: { idle: <1h> }
    idletimeout keepalivetimeout |  | remove it; connections may be silent as long as they like
    grpcconnecttimeout proxyconnecttimeout connecttimeout timeoutconnect dialtimeout |  | write upstreams.NAME.connections: { connectTimeout: <5s> }
    clientheadertimeout requestheaderstimeout readheadertimeout |  | write limits.headerTimeout: <10s>
    shutdowntimeout workershutdowntimeout draintimeout graceperiod drainduration |  | write drain.timeout: <30s>
    retry retries retrypolicy numretries retryon proxynextupstream grpcnextupstream grpcnextupstreamtries grpcnextupstreamtimeout proxynextupstreamtries proxynextupstreamtimeout lbretries lbtrydurations maxretries |  | ${noRetries}
    hedging hedgingpolicy hedgepolicy hedges hedgeonpertrytimeout hedgingdelay |  | write routes[].hedge: { attempts: 2, delay: 100ms }
    healthcheck healthchecks health activehealthcheck check |  | write upstreams.NAME.health: { type: grpc }
    maxfails |  | write upstreams.NAME.outliers: { consecutive: <5> }
    failtimeout failduration |  | write upstreams.NAME.outliers: { ejection: <30s> }
    outlierdetection passivehealthcheck |  | write upstreams.NAME.outliers: { consecutive: 5, ejection: 30s }
    circuitbreakers circuitbreaker |  | write upstreams.NAME.limits: { streams: 1000, pending: 1024, retries: 20% }
    ratelimit ratelimits limitreq limitreqzone throttle ratelimiting localratelimit |  | ${rates}
    limitconn limitconnzone |  | write limits.connectionsPerAddress
    acme letsencrypt certresolver autohttps autocert onDemandTls email |  | certificates are files; let an ACME client (certbot, lego) renew them: what changes is taken up by itself (reload.certificates)
    sslcertificate tlscertificates commontlscontext crt pem |  | ${certificateFiles}
    sslcertificatekey privatekey |  | ${certificateFiles}
    ssl https |  | TLS to clients is listeners[].tls, TLS to services upstreams.NAME.tls
    sslprotocols tlsversion tlsversions minversion tlsminimumprotocolversion sslminver minprotocolversion |  | write listeners[].tls.minVersion: TLSv1.3
    sslciphers ciphers ciphersuites sslpreferserverciphers sslecdhcurve ecdhcurves curves |  | remove it; the suites are fixed, as RFC 9113 wants them
    alpn alpnprotocols http2 http2on http |  | remove it; ALPN offers h2 and http/1.1 by itself
    sslclientcertificate sslverifyclient clientauth clientca mtls requireclientcertificate validationcontext |  | ${clientCertificates}
    sslsessioncache sslsessiontickets sslsessiontimeout sessiontickets |  | remove it; sessions are resumed by tickets, whose keys change by themselves
    sslstapling sslstaplingfile ocspstapling |  | write listeners[].tls.certificates[].ocsp, the name of a file
    grpcsslverify proxysslverify insecureskipverify tlsinsecureskipverify skipverify verify rejectunauthorized |  | certificates of services are always verified; write upstreams.NAME.tls.ca for an authority of your own
    grpcsslname grpcsslservername proxysslname sni |  | write upstreams.NAME.tls.serverName
    grpcssltrustedcertificate trustedca cafile cacertificate rootcas |  | write upstreams.NAME.tls.ca
    accesslog |  | write log.access: true
    errorlog loglevel level verbosity |  | write log.level: info
    workerprocesses concurrency nbthread threads nbproc numworkers cpus |  | write workers: auto, or a number
    workerconnections maxconn maxconnections |  | write limits.connections
    workerrlimitnofile ulimit |  | raise LimitNOFILE= of the unit, or ulimit -n; limits.connections follows it
    clientmaxbodysize maxrequestbytes maxbodysize maxrequestbodysize |  | messages and bodies may be of any size, unless limits of a route has { bodySize: 10MiB }
    maxmessagesize maxreceivemessagelength |  | messages may be of any size, unless limits of a route has { messageSize: 4MiB }
    clientbodybuffersize proxybuffering proxybuffers grpcbuffersize buffering buffersize perconnectionbufferlimitbytes |  | remove it; nothing is buffered beyond a window: limits.streamWindow
    largeclientheaderbuffers clientheaderbuffersize maxheadersize maxrequestheaderskb maxheaderbytes |  | write limits.headerListSize: 16KiB
    http2maxconcurrentstreams maxconcurrentstreams |  | write limits.concurrentStreams: 128
    initialstreamwindowsize initialwindowsize |  | write limits.streamWindow: 128KiB
    initialconnectionwindowsize |  | write limits.connectionWindow: 1MiB
    keepaliverequests maxrequestsperconnection |  | remove it; a connection may carry any number of calls
    keepalivetime maxconnectionage maxconnectionduration |  | write limits.connectionAge: 30m
    keepalive tcpkeepalive sokeepalive |  | remove it; TCP keepalive is on, and PINGs of clients are answered
    gzip gunzip compression compress brotli encode |  | remove it; messages are passed on as they are, compressed or not
    addheader proxysetheader grpcsetheader setheader requestheaderstoadd responseheaderstoadd requestheaders responseheaders headerup headerdown hideheader grpchideheader proxyhideheader grpcpassheader |  | ${noEdits}
    rewrite prefixrewrite rewritetarget regexrewrite urlrewrite replaceprefix pathrewrite stripprefixes |  | write routes[].stripPrefix: /grpc
    cors grpcwebfilter |  | write routes[].grpcWeb: { origins: ["https://app.example.com"] }
    setrealipfrom trustedproxies realip realipheader useremoteaddress xffnumtrustedhops forwardedheaders trustedips |  | write listeners[].trustedClients: ["10.0.0.0/8"]
    sendproxy acceptproxy proxyprotocolenabled |  | write listeners[].proxyProtocol: { trusted: ["10.0.0.0/8"] }
    resolver dns dnsservers dnslookupfamily dnsrefreshrate |  | write upstreams.NAME.dns: { name: NAME, port: PORT } to follow all addresses of a name; it is asked of /etc/hosts and the servers of /etc/resolv.conf
    lbpolicy loadbalancing loadbalancer loadbalance leastconn leastrequest iphash hash hashpolicy random sticky balancer algorithm |  | write upstreams.NAME.balance: round-robin, least-requests, random or ring-hash
    weight |  | write it in an endpoint: { address: 127.0.0.1:50051, weight: 2 }
    backup |  | write priority: 1 in the endpoint
    authrequest extauthz forwardauth | authorize | write routes[].authorize: { upstream: NAME }; docs/authorize.md says what is asked
    auth authbasic jwt jwtauthn basicauth oauth | access | write identities, and routes[].access: { require: [NAME] }; docs/access.md says how
    allow deny accesscontrol ipallowlist ipwhitelist whitelist blacklist acl | access | write routes[].access: { allow: [{ client: 10.0.0.0/8 }] }
    return directresponse errorpage |  | write routes[].respond: { status: 503, body: "Back at ten." }, or routes[].redirect: { to: https }
    httpsredirect forcehttps redirectscheme |  | write routes[].redirect: { to: https }
    root static index tryfiles alias fileserver |  | no files are served here; let an upstream with protocol: http1 do it
    tracing opentelemetry otel zipkin jaeger |  | write trace: { exporter: "http://127.0.0.1:4318" } at the top of the file
    middlewares plugins filters httpfilters modules loadmodule lua |  | there are no plug-ins
    enabled enable disabled |  | remove it; what is not wanted is left out, or off
    comment comments description |  | write a comment behind '#'`,
};

/**
 * @param written the value of the key, which the hint repeats
 * @returns undefined for a key that the table does not have
 */
export function otherProgramKey(
  parent: ConfigPath,
  key: string,
  written?: unknown,
): OtherProgramKey | undefined {
  const found = table(sectionOf(parent)).get(plain(key)) ?? table('anywhere').get(plain(key));
  if (found === undefined) return undefined;
  // nginx has one directive for both.
  if (plain(key) === 'return' && /^\s*(?:30[12378]\b|https?:)/.test(textOf(written)))
    return { hint: 'write redirect: { to: https }, or another URL in place of https', meant: 'redirect' };
  return { ...found, hint: filledIn(found.hint, parent, written) };
}

const REPEATABLE = /^[A-Za-z0-9][A-Za-z0-9._%-]{0,30}$/;

function filledIn(hint: string, [first, name]: ConfigPath, written: unknown): string {
  const value = textOf(written);
  return hint
    .replaceAll(/<([^<>]+)>/g, (_, usual: string) => (isLike(usual, value) ? value : usual))
    .replaceAll(
      'upstreams.NAME',
      first === 'upstreams' && name !== undefined ? `upstreams.${name}` : 'upstreams.NAME',
    );
}

function textOf(written: unknown): string {
  return typeof written === 'string' || typeof written === 'number' ? String(written) : '';
}

/** Whether a value is of the kind of the usual one: a number, a duration, a percentage or a word. */
function isLike(usual: string, value: string): boolean {
  if (!REPEATABLE.test(value)) return false;
  if (/^\d+$/.test(usual)) return /^[1-9]\d{0,5}$/.test(value);
  if (usual.endsWith('%')) return /^[1-9]\d{0,2}%$/.test(value);
  if (/^\d/.test(usual)) return /^[1-9]\d*(?:ms|s|m|h)$/.test(value);
  return /^[A-Za-z]/.test(value);
}

/** The parsed tables. Each is built when an unknown key first needs it. */
const tables = new Map<Section, ReadonlyMap<string, OtherProgramKey>>();

function table(section: Section): ReadonlyMap<string, OtherProgramKey> {
  const known = tables.get(section);
  if (known !== undefined) return known;
  const made = new Map(entries[section].trim().split('\n').flatMap(keysOfLine));
  tables.set(section, made);
  return made;
}

function keysOfLine(line: string): readonly (readonly [string, OtherProgramKey])[] {
  const [names = '', meant = '', hint = ''] = line.split('|').map((part) => part.trim());
  return names.split(' ').map((name) => [plain(name), meant === '' ? { hint } : { hint, meant }]);
}

function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[-_. ]/g, '');
}

function sectionOf(parent: ConfigPath): Section {
  const [first, , ...rest] = parent;
  const place = [first, ...rest.filter((step) => typeof step === 'string')].join('.');
  switch (place) {
    case '':
      return 'root';
    case 'admin':
    case 'log':
      return place;
    case 'listeners':
      return 'listener';
    case 'listeners.tls':
      return 'tls';
    case 'listeners.tls.certificates':
      return 'certificate';
    case 'routes':
      return 'route';
    case 'routes.match':
      return 'match';
    case 'listeners.tls.clientAuth':
      return 'clientAuth';
    case 'routes.limits':
      return 'limit';
    case 'routes.authorize':
      return 'authorize';
    case 'routes.access':
      return 'access';
    case 'stores':
      return 'store';
    case 'identities':
      return 'identity';
    case 'identities.jwt':
      return 'jwt';
    case 'identities.apiKey':
    case 'identities.basic':
      return 'keyList';
    case 'identities.clientCertificate':
      return 'certificateIdentity';
    case 'routes.retry':
      return 'retry';
    case 'routes.timeouts':
      return 'timeouts';
    case 'upstreams':
      return 'upstream';
    case 'upstreams.connections':
      return 'connections';
    case 'upstreams.endpoints':
      return 'endpoint';
    case 'upstreams.limits':
      return 'upstreamLimits';
    case 'upstreams.dns':
      return 'dns';
    case 'upstreams.health':
      return 'health';
    case 'upstreams.keepalive':
      return 'keepalive';
    case 'upstreams.outliers':
      return 'outliers';
    case 'upstreams.streams':
      return 'streams';
    default:
      return 'anywhere';
  }
}
