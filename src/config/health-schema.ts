// The schema of the health checks of an upstream.

import { count, duration, expecting, z } from './schema-values.ts';

export const health = z.strictObject({
  type: z
    .enum(['grpc', 'http', 'tcp'])
    .optional()
    .describe(
      'What the endpoints are asked: grpc, the standard health service of gRPC (grpc.health.v1): Watch, or Check where a ' +
        'server has no Watch, or a round trip of HTTP/2 where it has neither; http, GET of path, which must be answered ' +
        '200; tcp, whether a connection opens. Always over the same TLS as calls. Default: grpc, for http1 http. ' +
        'Like Envoy health_checks.',
    ),
  service: z
    .string(expecting('text'))
    .max(200)
    .regex(/^[\x21-\x7e]*$/, 'must be the name of a service such as voice.VoiceAssistant')
    .optional()
    .describe(
      'The service whose health is asked for, with type grpc. Default: the server as a whole. Like Envoy service_name.',
    ),
  path: z
    .string(expecting('text'))
    .max(1000)
    .regex(/^\/[\x21-\x7e]*$/, 'must be a path such as /healthz')
    .default('/healthz')
    .describe('The path to get, with type http. Default: /healthz. Like Envoy path.'),
  interval: duration('100ms', '1h')
    .prefault('10s')
    .describe(
      'From one check of an endpoint to the next, give or take a tenth. While checks of it fail: a tenth of this, but at ' +
        'least 1s and at most 10s. 100ms to 1h. Default: 10s. Like Envoy interval.',
    ),
  timeout: duration('10ms', '10m')
    .prefault('2s')
    .describe(
      'How long one check may take, connecting included. 10ms to 10m. Default: 2s. Like Envoy timeout.',
    ),
  unhealthyAfter: count(1, 100)
    .default(3)
    .describe(
      'After so many failed checks in a row an endpoint gets no new calls. An answer that it does not serve takes it out ' +
        'at once. 1 to 100. Default: 3. Like Envoy unhealthy_threshold.',
    ),
  healthyAfter: count(1, 100)
    .default(1)
    .describe(
      'After so many passed checks in a row it gets calls again. 1 to 100. Default: 1. Like Envoy healthy_threshold.',
    ),
});
