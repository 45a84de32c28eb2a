// Explains why a connection was given up whose endpoint said nothing any more.

import type { Diagnosis } from './diagnosis.ts';

/**
 * @param endpoint the address as configured
 * @param silentMs for how long it has sent nothing although calls were open
 */
export function diagnoseSilence(endpoint: string, silentMs: number): Diagnosis {
  return {
    token: 'upstream_silent',
    sentence: `${endpoint} has sent nothing for ${Math.round(silentMs / 1000)} s and does not answer (keepalive): is its process stopped or hanging, or its machine down or cut off?`,
  };
}
