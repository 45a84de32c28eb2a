// The schema of the health checks of an upstream.

import { key } from './key-notes.ts';
import { count, duration, expecting, z } from './schema-values.ts';

export const health = z.strictObject({
  type: z
    .enum(['grpc', 'http', 'tcp'])
    .optional()
    .meta(
      key(
        'What an endpoint is asked. `grpc`: the standard health service of gRPC, `grpc.health.v1`. `http`: GET of `path`. `tcp`: ' +
          'whether a connection opens. If the calls use TLS, the checks use the same TLS.',
        {
          unset: '`grpc`; with `protocol: http1`, `http`',
          like: { Envoy: '`grpc_health_check`, `http_health_check`, `tcp_health_check`' },
        },
      ),
    ),
  service: z
    .string(expecting('text'))
    .max(200)
    .regex(/^[\x21-\x7e]*$/, 'must be the name of a service such as voice.VoiceAssistant')
    .optional()
    .meta(
      key('The service whose health is asked for, with `type: grpc`.', {
        unset: 'the server as a whole',
        values: 'name of a service, such as `voice.VoiceAssistant`',
        like: { Envoy: 'service_name' },
      }),
    ),
  path: z
    .string(expecting('text'))
    .max(1000)
    .regex(/^\/[\x21-\x7e]*$/, 'must be a path such as /healthz')
    .default('/healthz')
    .meta(
      key(
        'The path of the request, with `type: http`. The check passes if the status of the response is 200.',
        {
          values: 'path that begins with `/`',
          like: { Envoy: 'path' },
        },
      ),
    ),
  interval: duration('100ms', '1h')
    .prefault('10s')
    .meta(
      key(
        'The time from one check of an endpoint to the next, a tenth more or less. While the checks of an endpoint fail, it is a tenth ' +
          'of this, but at least 1 s and at most 10 s.',
        { like: { Envoy: 'interval' } },
      ),
    ),
  timeout: duration('10ms', '10m')
    .prefault('2s')
    .meta(key('How long one check may take, connecting included.', { like: { Envoy: 'timeout' } })),
  unhealthyAfter: count(1, 100)
    .default(3)
    .meta(
      key(
        'After so many failed checks in a row an endpoint gets no new calls. An endpoint that answers that it does not serve gets none ' +
          'at once.',
        { like: { Envoy: 'unhealthy_threshold' } },
      ),
    ),
  healthyAfter: count(1, 100)
    .default(1)
    .meta(
      key('After so many passed checks in a row an unhealthy endpoint gets calls again.', {
        like: { Envoy: 'healthy_threshold' },
      }),
    ),
});
