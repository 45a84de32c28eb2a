// Keys of nginx, Envoy and others that people write in a policy of a route, an identity or a store, by the map that they stand in.
// other-program-keys.ts says how a line is read, and looks them up.

const byFile = 'write file: FILE, a list with NAME:HASH on each line; docs/access.md says how it is made';

const othersToo = 'allow: [{ identity: NAME }, { method: "/*" }]';
const optional = `optional required allowmissing allowmissingorfailed anonymous allowanonymous |  | remove it; a route says whether clients need an identity: access: { require: [NAME] }, or access: { ${othersToo} } if others may call, too`;

export const policyKeys = {
  limit: `
    key keys groupby per perkey zone sourcecriterion |  | write by: [client], or identity, route, stream and header:NAME
    limit requests rps qps average requestsperunit requestspersecond tokensperfill |  | write count: calls, rate: 100/s
    period interval unit window fillinterval |  | the period stands in rate: 100/s, 1000/m or 1000/h
    nodelay delay |  | calls beyond rate and burst are refused at once; exceed: slow is for messages and bytes
    status statuscode code limitreqstatus |  | remove it; gRPC clients get RESOURCE_EXHAUSTED, and others HTTP 429
    size maxsize maxbytes maxbody |  | write messageSize: 4MiB for gRPC messages, or bodySize: 10MiB for other bodies
    grpcservice cluster server upstream |  | write service: NAME, domain: NAME, descriptors: [{ tenant: "header:x-tenant" }]
    failuremodedeny failuremode |  | write failure: open, or closed
    limitreqdryrun dry shadow shadowmode filterenforced enforced |  | write dryRun: true for a limit that is only tried`,
  authorize: `
    service grpcservice cluster server address url uri target host | upstream | write upstream: NAME, the name of one of upstreams
    failuremodeallow failopen failuremode onerror optional |  | write failure: deny, or allow
    contextextensions |  | write context: { key: value }
    withrequestbody body |  | remove it; an authorizer is told of the head of a request
    statusonerror |  | remove it; without an answer gRPC clients get UNAVAILABLE, and others HTTP 503`,
  store: `
    tls ssl |  | write rediss:// in place of redis://
    address addresses host servers server url uri endpoint endpoints | redis | write redis: "redis://HOST:6379"
    username |  | write user: NAME
    db |  | write database: <0>
    auth pass passwordfile requirepass |  | write password: { file: FILE }, or password: { environment: NAME }
    mastername master sentinels |  | write sentinel: NAME, and the list of sentinels at redis
    keyprefix namespace |  | write prefix: NAME
    timeout connecttimeout |  | remove it; no call waits for a store longer than 50 ms`,
  identity: `
    certificate cert tls mtls clientcert | clientCertificate | write clientCertificate: {}
    ${optional}
    password passwords htpasswd basicauth | basic | write basic: { file: FILE }
    key keys apikeys | apiKey | write apiKey: { file: FILE }
    token bearer oidc oauth oauth2 openid | jwt | write jwt: { issuer: NAME, audience: NAME, jwks: URL }`,
  jwt: `
    keys key jwksuri jwksurl remotejwks localjwks publickey certs | jwks | write jwks: URL, or the name of a file
    iss | issuer | write issuer: NAME, as in iss of the tokens
    aud audiences | audience | write audience: NAME, as in aud of the tokens
    leeway skew clockskewseconds |  | write clockSkew: <10s>
    alg algorithm |  | write algorithms: [ES256]
    ${optional}
    secret sharedsecret |  | remove it; tokens are verified by the public keys of their issuer, which jwks names
    claimtoheaders |  | write claims: { sub: x-user }`,
  keyList: `
    keys key users user passwords list htpasswd secrets | file | ${byFile}
    ${optional}`,
  certificateIdentity: `
    ${optional}`,
  access: `
    identity identities |  | write require: [NAME], with names of identities
    optional allowmissing allowmissingorfailed anonymous allowanonymous |  | write ${othersToo} in place of require: clients without an identity may then call, too
    required mandatory | require | write require: [NAME], with names of identities
    rules policies principals permissions |  | write allow: [{ identity: NAME, method: /package.Service/* }]
    satisfy |  | write require for who calls, and allow for what they may; a call needs both`,
  clientAuth: `
    cafile trustedca clientca certificate | ca | write ca: FILE
    optional required |  | write mode: request, or require
    verify verifyclient type |  | write mode: require, or request
    depth verifydepth maxverifydepth |  | remove it; chains may have up to 100 certificates, as OpenSSL has it
    crlfile |  | write crl: FILE`,
} as const;
