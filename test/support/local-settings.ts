// What the proxy announces in tests that do not care.

import type { LocalSettings } from '../../src/h2/settings.ts';

export const LOCAL_SETTINGS: LocalSettings = {
  maxConcurrentStreams: 100,
  initialWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  maxHeaderListBytes: 16_384,
  maxHeaderFields: 100,
};
