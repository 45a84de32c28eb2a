// The OpenAPI document of the admin API. docs/openapi.yaml is written from it, and GET /api/openapi.json answers with it.

import { endpointListSchema } from '../config/schema.ts';
import { NONCE_FIELD, NONCE_WANTED } from '../config/signed-request.ts';
import { ANSWER_SCHEMAS } from './answer-schemas.ts';
import { type JsonSchema, reference } from './json-schema.ts';
import { EVENT_PARAMETERS, EXCHANGE_PARAMETERS } from './parameter-schemas.ts';

type Content = Readonly<Record<string, unknown>>;

interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly parameters?: readonly unknown[];
  readonly body?: unknown;
  /** By status. Those that every page may give are added. */
  readonly responses: Readonly<Record<string, Content>>;
  /** Whether it needs no token on any address. */
  readonly isOpen?: boolean;
  /** All who ask for it at the same time get one answer, for which there may be no room. */
  readonly isShared?: boolean;
}

const SIGNATURE =
  'Shows that the client has the token of `admin.token` without sending it. `GET /live` with `framegate-token-nonce: wanted` gives a nonce ' +
  'for the connection. The next request on the same connection has `Authorization: Framegate-HMAC SIGNATURE`: the HMAC-SHA-256, in ' +
  'hexadecimal, of `framegate admin`, the nonce, the method, and the path with its query, with line feeds between them. The key is the ' +
  'SHA-256 of the token. A signature is good for one request without a body. The commands of Framegate sign.';

const OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/live',
    id: 'isLive',
    summary: '200 while the process runs.',
    isOpen: true,
    parameters: [nonceWanted()],
    responses: { 200: { ...plain('It runs.'), headers: nonceGiven() } },
  },
  {
    method: 'get',
    path: '/ready',
    id: 'isReady',
    summary: '200 when the proxy takes calls.',
    isOpen: true,
    responses: { 200: plain('It takes calls.'), 503: plain('It takes no calls: the reason.') },
  },
  {
    method: 'get',
    path: '/metrics',
    id: 'readMetrics',
    isShared: true,
    summary: 'What is counted and held, for Prometheus.',
    responses: { 200: plain('The text format of Prometheus, version 0.0.4.') },
  },
  {
    method: 'get',
    path: '/api/openapi.json',
    id: 'readDocument',
    isShared: true,
    summary: 'This document.',
    responses: { 200: json('The document.', { type: 'object' }) },
  },
  {
    method: 'get',
    path: '/api/diagnoses',
    id: 'readDiagnoses',
    isShared: true,
    summary: 'What refused clients and unreachable endpoints did wrong, and what to do about it.',
    responses: { 200: json('The diagnoses.', reference('Diagnoses')) },
  },
  {
    method: 'get',
    path: '/api/config',
    id: 'readConfiguration',
    isShared: true,
    summary: 'The configuration in use, and the state of the processes.',
    responses: { 200: json('The configuration.', reference('Configuration')) },
  },
  {
    method: 'get',
    path: '/api/upstreams',
    id: 'readUpstreams',
    isShared: true,
    summary: 'The endpoints of each upstream: which of them get calls, and why the others do not.',
    responses: { 200: json('The upstreams.', reference('Upstreams')) },
  },
  {
    method: 'get',
    path: '/api/upstreams/{name}/endpoints',
    id: 'readEndpoints',
    isShared: true,
    summary: 'The same of one upstream.',
    parameters: [upstreamName()],
    responses: {
      200: json('The upstream.', reference('Upstream')),
      404: json('There is no such upstream.', reference('Problem')),
    },
  },
  {
    method: 'put',
    path: '/api/upstreams/{name}/endpoints',
    id: 'setEndpoints',
    summary: 'Sets the endpoints of an upstream with `endpoints: api`.',
    parameters: [upstreamName()],
    body: { required: true, content: { 'application/json': { schema: endpointListSchema() } } },
    responses: {
      200: json('They are set.', reference('Upstream')),
      400: json('The list cannot be used: every problem.', reference('Problem')),
      ...endpointRefusals(),
      413: json('The body is too large.', reference('Problem')),
    },
  },
  {
    method: 'delete',
    path: '/api/upstreams/{name}/endpoints',
    id: 'withdrawEndpoints',
    summary: 'Withdraws the endpoints that were set.',
    parameters: [upstreamName()],
    responses: { 200: json('They are withdrawn.', reference('Upstream')), ...endpointRefusals() },
  },
  {
    method: 'get',
    path: '/api/exchanges',
    id: 'readExchanges',
    isShared: true,
    summary: 'The calls in flight, and who blocks each of them.',
    parameters: EXCHANGE_PARAMETERS,
    responses: {
      200: json('One page of calls.', reference('Exchanges')),
      400: json('A parameter does not exist, or its value cannot be understood.', reference('Problem')),
    },
  },
  {
    method: 'get',
    path: '/api/events',
    id: 'readEvents',
    summary: 'Calls as they begin and end, as server-sent events, until the client closes the connection.',
    parameters: EVENT_PARAMETERS,
    responses: {
      200: {
        description: 'The events. Each `data` is an object in JSON, with its kind in `event`.',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      400: json('A parameter does not exist, or its value cannot be understood.', reference('Problem')),
      403: eitherWay(
        'A web page of another server may not ask for this; or metadata and bytes of messages were asked for without the token, and, if there is none, from another machine.',
        reference('Problem'),
      ),
      503: json('There are as many subscribers as there may be.', reference('Problem')),
    },
  },
  {
    method: 'get',
    path: '/api/dashboard',
    id: 'readDashboard',
    summary:
      'What the dashboard shows, once a second, as server-sent events, until the client closes the connection.',
    responses: {
      200: {
        description:
          'The first message is a `DashboardOpening`, then come `DashboardFigures` and `DashboardFacts`. Each `data` is one of them in ' +
          'JSON, with its kind in `event`.',
        content: {
          'text/event-stream': {
            schema: { type: 'string' },
            'x-messages': ['DashboardOpening', 'DashboardFigures', 'DashboardFacts'].map(reference),
          },
        },
      },
      503: json('There are as many subscribers as there may be.', reference('Problem')),
    },
  },
  {
    method: 'post',
    path: '/api/reload',
    id: 'reload',
    summary: 'Reads the configuration again.',
    responses: {
      200: json('It is in use.', reference('Reloaded')),
      409: json('There is no reload now, since the proxy drains.', reference('NotReloaded')),
      422: json('It cannot be used: every problem. The old one stays in use.', reference('NotReloaded')),
      500: eitherWay('A fault of Framegate. The old one stays in use.', reference('NotReloaded')),
    },
  },
  {
    method: 'get',
    path: '/api/log-level',
    id: 'logLevel',
    summary: 'The level of the log.',
    responses: { 200: json('The level now.', reference('LogLevel')) },
  },
  {
    method: 'put',
    path: '/api/log-level',
    id: 'setLogLevel',
    summary: 'Sets the level of the log until the next reload.',
    body: { required: true, content: { 'application/json': { schema: reference('LogLevel') } } },
    responses: {
      200: json('It is set.', reference('LogLevelSet')),
      400: json('The body is no level.', reference('Problem')),
      413: json('The body is too large.', reference('Problem')),
    },
  },
  {
    method: 'post',
    path: '/api/drain',
    id: 'drain',
    summary: 'Stops the process as SIGTERM does: running calls finish.',
    responses: { 202: json('It stops.', reference('Draining')) },
  },
];

/** @returns the document, as plain data */
export function openApiDocument(): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] ??= {};
    paths[operation.path][operation.method] = describe(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Framegate admin API',
      version: '1',
      description:
        'Health, metrics and the state of a running proxy. Answers may get further properties; none changes its meaning. ' +
        'Each GET also answers HEAD.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:9901', description: 'The default of `admin.address`.' }],
    // On loopback, what only reads needs no token, and without admin.token nothing does.
    security: [{ token: [] }, { signature: [] }, {}],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The token of `admin.token`.' },
        signature: { type: 'http', scheme: 'Framegate-HMAC', description: SIGNATURE },
      },
      schemas: ANSWER_SCHEMAS,
    },
  };
}

function describe({ id, summary, parameters, body, responses, isOpen, isShared }: Operation): Content {
  const common = {
    ...(isOpen === true ? {} : { 401: unauthorized() }),
    ...(isOpen === true ? {} : { 403: plain('A web page of another server may not ask for this.') }),
    421: plain('The Host field names another server.'),
    ...(isShared === true ? { 503: tooMuchToDo() } : {}),
    500: plain('A fault of Framegate.'),
  };
  return {
    operationId: id,
    summary,
    ...(isOpen === true ? { security: [] } : {}),
    // A signature does not cover a body, and is not accepted beside one.
    ...(body === undefined ? {} : { security: [{ token: [] }, {}] }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...common, ...responses },
  };
}

function plain(description: string): Content {
  return { description, content: { 'text/plain': { schema: { type: 'string' } } } };
}

function json(description: string, schema: JsonSchema): Content {
  return { description, content: { 'application/json': { schema } } };
}

/** For a status that both the page and the server around it give. */
function eitherWay(description: string, schema: JsonSchema): Content {
  const content = { 'application/json': { schema }, 'text/plain': { schema: { type: 'string' } } };
  return { description, content };
}

function unauthorized(): Content {
  const headers = { 'WWW-Authenticate': { schema: { type: 'string' } } };
  return { ...plain('The token is missing or wrong.'), headers };
}

function tooMuchToDo(): Content {
  const headers = { 'Retry-After': { schema: { type: 'string' } } };
  return { ...plain('Too many different answers are wanted at the same time.'), headers };
}

function endpointRefusals(): Operation['responses'] {
  return {
    404: json('There is no such upstream.', reference('Problem')),
    409: json('The endpoints of this upstream come from elsewhere.', reference('Problem')),
  };
}

function upstreamName(): unknown {
  return { name: 'name', in: 'path', required: true, schema: { type: 'string', minLength: 1 } };
}

function nonceWanted(): unknown {
  const description =
    '`wanted`: the client wants a nonce, to sign the next request on this connection with. Other values are ignored.';
  return { name: NONCE_FIELD, in: 'header', description, schema: { type: 'string' }, example: NONCE_WANTED };
}

function nonceGiven(): unknown {
  const description =
    'The nonce: 32 random bytes in hexadecimal. Only if it was wanted, and there is an `admin.token`.';
  return { [NONCE_FIELD]: { description, schema: { type: 'string', pattern: '^[0-9a-f]{64}$' } } };
}
