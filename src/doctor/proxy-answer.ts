// What is known of the answers that a proxy makes itself, in place of the service: for each the cause and the remedy, by its HTTP status.

import { type Finding, failed } from './finding.ts';
import { isRefusalOfPathAlone, ownTokenIn } from './framegate-answer.ts';
import { type CallAnswer, type CallResponse, describeResponse } from './grpc-call.ts';
import { hasBegun } from './missing-answer.ts';

interface StatusAdvice {
  /** What the proxy does with the call: 'asks for credentials'. */
  readonly does: string;
  readonly remedy: string;
  readonly token: string | undefined;
}

const NOT_GRPC = 'upstream_not_grpc';
const LOCATION =
  'nginx: a location with grpc_pass must win for the path: a regular expression (~) goes before a plain prefix, and the longest prefix before shorter ones; write location ^~ /package.Service/; Envoy: the first route that matches wins';
const REDIRECT: StatusAdvice = {
  does: 'redirects the call, and gRPC clients follow no redirect',
  remedy:
    'call the address that it redirects to; nginx: return 301 and rewrite are for browsers, not for a location with grpc_pass',
  token: NOT_GRPC,
};

const ADVICE: ReadonlyMap<number, StatusAdvice> = new Map([
  [301, REDIRECT],
  [302, REDIRECT],
  [303, REDIRECT],
  [307, REDIRECT],
  [308, REDIRECT],
  [
    400,
    {
      does: 'finds the request malformed, or wants a client certificate, or TLS',
      remedy:
        'nginx: look for the reason at level info in the error log; ssl_verify_client on refuses clients without a certificate by 400; large_client_header_buffers limits metadata',
      token: NOT_GRPC,
    },
  ],
  [
    401,
    {
      does: 'asks for credentials',
      remedy:
        'let the client send them (authorization), or switch the question off for gRPC; nginx: auth_basic, auth_request and auth_jwt of the location; Envoy: jwt_authn and ext_authz',
      token: NOT_GRPC,
    },
  ],
  [
    403,
    {
      does: 'forbids the call',
      remedy:
        'nginx: allow and deny, auth_request, satisfy, or return 403 in the location decide that; does a rule let the address of this machine in? Envoy: rbac and ext_authz',
      token: NOT_GRPC,
    },
  ],
  [404, { does: 'has no way for the path to a gRPC service', remedy: LOCATION, token: NOT_GRPC }],
  [
    405,
    {
      does: 'does not take POST there, as for static files',
      remedy: LOCATION,
      token: NOT_GRPC,
    },
  ],
  [
    413,
    {
      does: 'refuses the request for its size',
      remedy: 'nginx: client_max_body_size 0 (its default is 1m)',
      token: undefined,
    },
  ],
  [
    415,
    {
      does: 'does not take the content type application/grpc',
      remedy:
        'the path leads to a web service, or to one that speaks gRPC-Web or JSON alone: let the location lead to the port of the gRPC service by grpc_pass',
      token: NOT_GRPC,
    },
  ],
  [
    429,
    {
      does: 'limits how many calls a client makes',
      remedy:
        'nginx: limit_req and limit_conn with limit_req_status 429; Envoy: ratelimit and local_ratelimit',
      token: NOT_GRPC,
    },
  ],
  [
    502,
    {
      does: 'cannot reach the service, or speaks another protocol to it',
      remedy:
        'nginx: grpc_pass grpc://… for plaintext, grpcs://… for TLS, never proxy_pass; is the service running at that address?',
      token: 'upstream_connection_refused',
    },
  ],
  [
    503,
    {
      does: 'refuses calls for now',
      remedy:
        'nginx: limit_req and limit_conn answer by 503 unless limit_req_status says otherwise; Envoy and load balancers: no endpoint of the service is healthy',
      token: 'upstream_connection_reset',
    },
  ],
  [
    504,
    {
      does: 'got no answer of the service in time',
      remedy:
        'nginx: is the service reachable at the address of grpc_pass (grpc_connect_timeout), and does it answer within grpc_read_timeout? Envoy: the timeout of the route',
      token: 'upstream_silent',
    },
  ],
]);

/** @returns the cause of an answer that is none of the service; undefined if the service may have made it, or there is no answer */
export function explainAnswer(answer: CallResponse, path: string, text: string): Finding | undefined {
  const { httpStatus, grpcStatus, grpcMessage, server } = answer;
  const by = `${server === '' ? 'the proxy' : server} at ${text}`;
  if (grpcStatus !== '') {
    const token = ownTokenIn(grpcMessage);
    if (token !== undefined)
      return failed(
        `a Framegate at ${text}, or behind it, answers ${path} itself: ${describeResponse(answer)}`,
        'its log has the whole reason, and the page of the code says what to change',
        token,
      );
    if (grpcStatus !== 'UNAVAILABLE' || !isOfEnvoy(grpcMessage)) return undefined;
    return failed(
      `${by} cannot use the service: ${path} got ${describeResponse(answer)}`,
      'Envoy: is the service running at the address of the cluster, and does the cluster have http2_protocol_options (explicit_http_config)? Without, Envoy speaks HTTP/1.1 to it',
      'upstream_connection_reset',
    );
  }
  if (httpStatus === 0 || hasBegun(answer)) return undefined;
  const advice = ADVICE.get(httpStatus);
  const itself = `${by} answers ${path} itself: ${describeResponse(answer)}`;
  if (advice === undefined) return failed(`${itself}; no gRPC service was asked`, LOCATION, NOT_GRPC);
  return failed(`${itself}; it ${advice.does}`, advice.remedy, advice.token);
}

function isOfEnvoy(message: string): boolean {
  return /upstream connect error|no healthy upstream|upstream_reset|connection (?:failure|termination)|protocol error/i.test(
    message,
  );
}

/** Whether the answer says what a proxy makes of this path, and nothing of the service behind it or of other paths. */
export function isOfPathAlone(answer: CallResponse & Pick<CallAnswer, 'headerNames'>): boolean {
  const { httpStatus, grpcStatus, grpcMessage } = answer;
  if (grpcStatus === '') return httpStatus >= 200 && httpStatus < 500 && !hasBegun(answer);
  return isRefusalOfPathAlone(grpcMessage) || isEnvoyWithoutRoute(answer);
}

/** Envoy answers calls without a route by UNIMPLEMENTED. It names itself as the server of every response, and tells the time of a service that has answered. */
function isEnvoyWithoutRoute({
  server,
  grpcStatus,
  grpcMessage,
  headerNames,
}: Parameters<typeof isOfPathAlone>[0]): boolean {
  if (server !== 'envoy' || grpcStatus !== 'UNIMPLEMENTED' || grpcMessage !== '') return false;
  return !headerNames.includes('x-envoy-upstream-service-time');
}
