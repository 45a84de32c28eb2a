// The schema of traces: where spans are sent, which calls are sampled, and how services are told.

import { key, shownTo, valueKind } from './key-notes.ts';
import { duration, expecting, off, parsed, z } from './schema-values.ts';
import { secretSource } from './secret-schema.ts';
import {
  parseShare,
  parseTraceExporter,
  parseTraceHeaderName,
  parseTraceHeaderValue,
  sharePattern,
} from './trace-values.ts';

const serviceName = z
  .string(expecting('text'))
  .min(1)
  .max(100)
  .regex(/^[\x20-\x7e]*$/, 'must hold visible ASCII characters only');

export const trace = z.strictObject({
  exporter: parsed('a URL such as http://127.0.0.1:4318', parseTraceExporter, {
    examples: [
      'http://127.0.0.1:4318',
      'https://otlp.example.com',
      'grpc://127.0.0.1:4317',
      'grpcs://otlp.example.com:443',
    ],
  }).meta(
    key(
      'Where spans are sent by OTLP. `http`, `https`: protobuf over HTTP, to `/v1/traces` below the path. `grpc`, `grpcs`: gRPC, ' +
        'in plaintext or over TLS.',
      {
        values: 'URL without user, password and query',
        like: { OpenTelemetry: 'OTEL_EXPORTER_OTLP_ENDPOINT', nginx: 'otel_exporter' },
      },
    ),
  ),
  headers: z
    .record(
      parsed('text', parseTraceHeaderName),
      z.union(
        [parsed('text (put it in quotes)', parseTraceHeaderValue, shownTo('nobody')), secretSource('value')],
        expecting('text (put it in quotes), or a map with file or environment'),
      ),
      expecting('a map of header names to values'),
    )
    .prefault({})
    .meta(
      key(
        'Header fields, or metadata, for the collector. A value is ASCII text, or `{ file: NAME }`, or `{ environment: NAME }`: ' +
          'the start and each reload read it there. Framegate shows values nowhere.',
        {
          values: 'map of header names to values',
          like: { OpenTelemetry: 'OTEL_EXPORTER_OTLP_HEADERS' },
        },
      ),
    ),
  sample: parsed('a percentage such as 1%', parseShare, {
    pattern: sharePattern.source,
    ...valueKind('percentage', ['0%', '100%']),
  })
    .prefault('1%')
    .meta(
      key('The share of the calls that is sampled if no parent decides. It may have up to four decimals.', {
        like: { OpenTelemetry: 'OTEL_TRACES_SAMPLER', nginx: 'otel_trace', Envoy: 'random_sampling' },
      }),
    ),
  parent: z
    .enum(['trusted', 'all', 'none'])
    .default('trusted')
    .meta(
      key(
        'Whose sampled flag decides: that of the `trustedClients` of the listener, of all clients, or of none.',
        { like: { OpenTelemetry: 'parentbased samplers' } },
      ),
    ),
  onError: z
    .boolean(expecting('true or false'))
    .default(true)
    .meta(
      key(
        'Exports the spans of failed calls even if they are not sampled, up to 100 calls a second in each process.',
      ),
    ),
  propagate: z
    .array(z.enum(['w3c', 'grpc-trace-bin']))
    .min(1)
    .default(['w3c'])
    .meta(
      key(
        'The formats that Framegate reads, and writes for the service. `w3c`: `traceparent` and `tracestate`. `grpc-trace-bin`: ' +
          'written if the client has sent one. Fields of other formats pass unchanged.',
        { like: { OpenTelemetry: 'OTEL_PROPAGATORS' } },
      ),
    ),
  interval: z
    .union([off, duration('1s', '24h')], expecting('a duration such as 5m, or off'))
    .prefault('5m')
    .meta(
      key('How often a sampled call that goes on sends a span with what it has carried since the last one.'),
    ),
  service: serviceName.default('framegate').meta(
    key('The name of this proxy in traces (`service.name`).', {
      values: 'up to 100 characters of ASCII',
      like: { OpenTelemetry: 'OTEL_SERVICE_NAME' },
    }),
  ),
});
