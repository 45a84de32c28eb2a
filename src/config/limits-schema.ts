// The schema of `limits`.

import { key } from './key-notes.ts';
import { patience } from './patience-schema.ts';
import { count, duration, expecting, off, size, z } from './schema-values.ts';

const auto = z.literal('auto');

/** The limits of the whole proxy, and of one client across the whole proxy. */
const capacities = {
  connections: z
    .union([auto, count(1, 1_000_000)], expecting('a whole number, or auto'))
    .default('auto')
    .meta(
      key(
        'How many connections clients may have at a time, over all listeners. Further connections are closed at ' +
          'once. `auto`: the limit of open files, less 200 and less twice the connections that `upstreams` may open, ' +
          'but at least half of the limit. The log says at the start how many that is.',
        {
          like: { HAProxy: 'maxconn', nginx: 'worker_connections' },
          more: '[Overload](configuration.md#overload)',
        },
      ),
    ),
  connectionsPerAddress: z
    .union([auto, off, count(1, 1_000_000)], expecting('a whole number, auto, or off'))
    .default('auto')
    .meta(
      key(
        'How many connections one client address may have, or one network of 64 bits in IPv6. Clients in ' +
          '`trustedClients` and `proxyProtocol.trusted` and clients of Unix sockets have no such limit. `auto`: a ' +
          'quarter of `limits.connections`.',
        { like: { nginx: 'limit_conn' }, more: '[Overload](configuration.md#overload)' },
      ),
    ),
  connectionAge: z
    .union([off, duration('1s', '720h')], expecting('a duration such as 30m, or off'))
    .prefault('off')
    .meta(
      key(
        'The age at which a client is asked to connect again, 10 % more or less. This way clients spread over proxies ' +
          'that were added. Running calls finish, however long they take.',
        {
          like: { gRPC: 'MAX_CONNECTION_AGE', nginx: 'keepalive_time' },
          more: '[Overload](configuration.md#overload)',
        },
      ),
    ),
  memory: z
    .union([auto, off, size('64MiB', '1023GiB')], expecting('a size such as 2GiB, auto, or off'))
    .prefault('auto')
    .meta(
      key(
        'How much memory all processes together may use. At 80 % caches are given back, from 90 % on new calls are ' +
          'refused, and from 97 % on new connections. `auto`: 0.9 of what the cgroup allows (`memory.max`) if it has ' +
          'a limit, otherwise `off`.',
        { like: { Envoy: 'overload_manager' }, more: '[Overload](configuration.md#overload)' },
      ),
    ),
};

export const limits = z.strictObject({
  ...capacities,
  concurrentStreams: count(1, 1_000_000)
    .default(128)
    .meta(
      key('How many calls a client may have open on one connection (SETTINGS_MAX_CONCURRENT_STREAMS).', {
        like: { nginx: 'http2_max_concurrent_streams' },
      }),
    ),
  streamWindow: size('65535', '2147483647')
    .prefault('128KiB')
    .meta(
      key(
        'How many bytes a peer may send on one stream before the other side has taken them (SETTINGS_INITIAL_WINDOW_SIZE).',
        { like: { Envoy: 'initial_stream_window_size' } },
      ),
    ),
  connectionWindow: size('65535', '2147483647')
    .prefault('1MiB')
    .meta(
      key(
        'How many bytes a peer may send ahead on one connection. They are credited on receipt, so that one stalled ' +
          'stream never holds up the others.',
        { like: { Envoy: 'initial_connection_window_size' } },
      ),
    ),
  headerListSize: size('8KiB', '1MiB')
    .prefault('16KiB')
    .meta(
      key(
        'How large the decoded headers of a request or a response may be (SETTINGS_MAX_HEADER_LIST_SIZE).',
        { like: { nginx: 'large_client_header_buffers' } },
      ),
    ),
  headerFields: count(16, 10_000)
    .default(128)
    .meta(
      key(
        'How many header fields a request or a response may have. Fields that begin with `:` and fields that are ' +
          'not passed on count too.',
        { like: { Envoy: 'max_headers_count' } },
      ),
    ),
  ...patience,
});
