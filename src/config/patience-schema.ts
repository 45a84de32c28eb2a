// The schema of the limits against abusive peers: how many useless frames a peer may send, and how long it may stall. Each range
// has two sensible ends: the lowest value still allows what honest peers do, and the highest does not amount to "off".

import { count, duration, expecting, off, size, z } from './schema-values.ts';

const floods = z.strictObject({
  resets: count(20, 100_000)
    .default(200)
    .describe(
      'Streams that a client resets within 20 ms and before a response (CVE-2023-44487). 20 to 100000. Default: 200. ' +
        'Like nghttp2 stream-reset-rate-limit, Envoy premature_reset_total_stream_count.',
    ),
  streamErrors: count(5, 10_000)
    .default(20)
    .describe(
      'Streams of a client that have to be reset because it broke a rule (CVE-2025-8671). 5 to 10000. Default: 20. ' +
        'Like HAProxy tune.h2.fe.glitches-threshold.',
    ),
  pings: count(10, 100_000)
    .default(100)
    .describe(
      'PING, and acknowledgements of none; DATA in either direction earns one each. 10 to 100000. Default: 100. ' +
        'Like Envoy max_outbound_control_frames.',
    ),
  settings: count(5, 10_000)
    .default(20)
    .describe('SETTINGS, and acknowledgements of none; DATA sent earns one each. 5 to 10000. Default: 20.'),
  settingsEntries: count(8, 1_000)
    .default(32)
    .describe('Entries of one SETTINGS frame. 8 to 1000. Default: 32. Like nghttp2 max_settings.'),
  priorities: count(10, 1_000_000)
    .default(1000)
    .describe(
      'PRIORITY, which nothing here depends on. 10 to 1000000. Default: 1000. ' +
        'Like Envoy max_inbound_priority_frames_per_stream.',
    ),
  windowUpdates: count(100, 1_000_000)
    .default(1000)
    .describe(
      'WINDOW_UPDATE; DATA sent earns ten each, up to a hundred times this. 100 to 1000000. Default: 1000. ' +
        'Like Envoy max_inbound_window_update_frames_per_data_frame_sent.',
    ),
  emptyData: count(5, 10_000)
    .default(20)
    .describe(
      'DATA frames in a row that carry nothing and end nothing (CVE-2019-9518). 5 to 10000. Default: 20. ' +
        'Like Envoy max_consecutive_inbound_frames_with_empty_payload.',
    ),
  unknownFrames: count(10, 100_000)
    .default(100)
    .describe('Frames of types that are not known here. 10 to 100000. Default: 100.'),
  refusedStreams: count(10, 100_000)
    .default(100)
    .describe('Streams above limits.concurrentStreams; each is refused. 10 to 100000. Default: 100.'),
  goAways: count(5, 10_000).default(20).describe('GOAWAY. 5 to 10000. Default: 20.'),
  lateFrames: count(100, 1_000_000)
    .default(1000)
    .describe(
      'HEADERS and RST_STREAM for streams that are over, beyond two for each such stream. 100 to 1000000. Default: 1000.',
    ),
  continuations: count(4, 1_000)
    .default(8)
    .describe(
      'CONTINUATION frames of one header block (CVE-2024-27316), or as many as the largest block needs: 128 from upstreams. ' +
        '4 to 1000. Default: 8. Like nghttp2 max_continuations.',
    ),
  interimResponses: count(1, 1_000)
    .default(10)
    .describe('Interim responses (1xx) of a call; more cost the call. 1 to 1000. Default: 10.'),
  padding: size('64KiB', '1GiB')
    .prefault('1MiB')
    .describe(
      'Padding beyond as much content that a client may send on a connection. 64KiB to 1GiB. Default: 1MiB.',
    ),
  upstreamPadding: size('64KiB', '1GiB')
    .prefault('32MiB')
    .describe(
      'The same of an upstream, whose connection carries the calls of many clients. 64KiB to 1GiB. Default: 32MiB.',
    ),
});

export const patience = {
  floods: floods
    .prefault({})
    .describe(
      'What costs its sender little: so many on a connection at once, and a tenth of it more for each second, unless said ' +
        'otherwise. Who sends more is disconnected (ENHANCE_YOUR_CALM).',
    ),
  openingTimeout: duration('1s', '10m')
    .prefault('10s')
    .describe(
      'For the first bytes of a connection, for the PROXY header, for the TLS handshake, for the first SETTINGS and for ' +
        'the acknowledgement of ours, each. 1s to 10m. Default: 10s. Like nginx client_header_timeout.',
    ),
  headerTimeout: duration('1s', '10m')
    .prefault('10s')
    .describe(
      'For all of the header fields of a request, once they have begun. 1s to 10m. Default: 10s. ' +
        'Like nginx client_header_timeout.',
    ),
  stallTimeout: z
    .union([off, duration('5s', '24h')], expecting('a duration such as 30s, or off'))
    .prefault('30s')
    .describe(
      'A peer that takes nothing of what is written to it for so long is disconnected, and of the responses that a client ' +
        'does not take, those above stalledResponses end. 5s to 24h, or off. Default: 30s. Like nginx send_timeout.',
    ),
  stalledResponses: size('128KiB', '1GiB')
    .prefault('1MiB')
    .describe(
      'What the stalled responses of one connection may hold together. 128KiB to 1GiB. Default: 1MiB.',
    ),
};
