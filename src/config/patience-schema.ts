// The schema of the limits against abusive peers: how many useless frames a peer may send, and how long it may stall. Each range
// has two sensible ends: the lowest value still allows what honest peers do, and the highest does not amount to "off".

import { key } from './key-notes.ts';
import { count, duration, expecting, off, size, z } from './schema-values.ts';

/** Counts that begin anew all the time: so many at once, and a tenth of that more each second. */
const floods = z.strictObject({
  resets: count(20, 100_000)
    .default(200)
    .meta(
      key(
        'Streams that a client resets within 20 ms and before it has a response (CVE-2023-44487). Where the ' +
          'deadline of the call itself is over, 32 times as many each second.',
        { like: { nghttp2: 'stream-reset-rate-limit', Envoy: 'premature_reset_total_stream_count' } },
      ),
    ),
  streamErrors: count(5, 10_000)
    .default(20)
    .meta(
      key('Streams that Framegate has to reset because the client broke a rule (CVE-2025-8671).', {
        like: { HAProxy: 'tune.h2.fe.glitches-threshold' },
      }),
    ),
  pings: count(10, 100_000)
    .default(100)
    .meta(
      key(
        'PING frames, and acknowledgements of no PING. Each DATA frame, in either direction, allows one more.',
        { like: { Envoy: 'max_outbound_control_frames' } },
      ),
    ),
  settings: count(5, 10_000)
    .default(20)
    .meta(
      key(
        'SETTINGS frames, and acknowledgements of no SETTINGS. Each DATA frame that is sent to the peer allows one more.',
      ),
    ),
  settingsEntries: count(8, 1_000)
    .default(32)
    .meta(key('Entries of one SETTINGS frame.', { like: { nghttp2: 'max_settings' } })),
  priorities: count(10, 1_000_000)
    .default(1000)
    .meta(
      key('PRIORITY frames. Framegate makes no use of them.', {
        like: { Envoy: 'max_inbound_priority_frames_per_stream' },
      }),
    ),
  windowUpdates: count(100, 1_000_000)
    .default(1000)
    .meta(
      key(
        'WINDOW_UPDATE frames. Each stream that is opened allows two more, and each DATA frame that is sent to the peer ten more, up to a hundred times this number.',
        { like: { Envoy: 'max_inbound_window_update_frames_per_data_frame_sent' } },
      ),
    ),
  emptyData: count(5, 10_000)
    .default(20)
    .meta(
      key('DATA frames in a row that are empty and do not end their stream (CVE-2019-9518).', {
        like: { Envoy: 'max_consecutive_inbound_frames_with_empty_payload' },
      }),
    ),
  unknownFrames: count(10, 100_000).default(100).meta(key('Frames of types that Framegate does not know.')),
  refusedStreams: count(10, 100_000)
    .default(100)
    .meta(key('Streams that a client opens above `limits.concurrentStreams`. Each of them is refused.')),
  goAways: count(5, 10_000).default(20).meta(key('GOAWAY frames.')),
  lateFrames: count(100, 1_000_000)
    .default(1000)
    .meta(key('HEADERS and RST_STREAM frames for streams that are over, beyond two for each such stream.')),
  continuations: count(4, 1_000)
    .default(8)
    .meta(
      key(
        'CONTINUATION frames of one header block (CVE-2024-27316). If the largest block that is allowed needs ' +
          'more, so many are allowed: 128 from upstreams.',
        { like: { nghttp2: 'max_continuations' } },
      ),
    ),
  interimResponses: count(1, 1_000)
    .default(10)
    .meta(key('Interim responses (1xx) to one call. With more of them the call fails.')),
  padding: size('64KiB', '1GiB')
    .prefault('1MiB')
    .meta(key('Bytes of padding that a client may send on a connection beyond as many bytes of content.')),
  upstreamPadding: size('64KiB', '1GiB')
    .prefault('32MiB')
    .meta(
      key(
        'Bytes of padding that an endpoint may send on a connection beyond as many bytes of content. A connection ' +
          'to an endpoint carries the calls of many clients.',
      ),
    ),
});

export const patience = {
  floods: floods
    .prefault({})
    .meta(
      key(
        'How many frames a peer may send that cost it little and do nothing useful. Unless a key says otherwise, ' +
          'its number is how many are allowed at once on a connection, and a tenth of it more each second. A peer ' +
          'that sends more is disconnected (ENHANCE_YOUR_CALM).',
        { more: '[Threat model](threat-model.md)' },
      ),
    ),
  openingTimeout: duration('1s', '10m')
    .prefault('10s')
    .meta(
      key(
        'How long each step of the opening of a connection may take: the first bytes, the PROXY header, the TLS ' +
          'handshake, the first SETTINGS frame, and the acknowledgement of ours.',
        { like: { nginx: 'client_header_timeout' } },
      ),
    ),
  headerTimeout: duration('1s', '10m')
    .prefault('10s')
    .meta(
      key('How long all header fields of a request may take, from the first of them on.', {
        like: { nginx: 'client_header_timeout' },
      }),
    ),
  stallTimeout: z
    .union([off, duration('5s', '24h')], expecting('a duration such as 30s, or off'))
    .prefault('30s')
    .meta(
      key(
        'A peer that takes nothing of what is written to it for this long is disconnected. Of the responses that a ' +
          'client does not take (less than 4 KiB in this time), those above `limits.stalledResponses` end. A call ' +
          'that was idle for this long is ended where other clients wait for its place and the address of its client ' +
          'holds the most places.',
        { like: { nginx: 'send_timeout' }, more: '[Limits](limits.md#when-a-limit-is-reached)' },
      ),
    ),
  stalledResponses: size('128KiB', '1GiB')
    .prefault('1MiB')
    .meta(
      key('How many bytes all responses together may hold that the client of one connection does not take.'),
    ),
};
