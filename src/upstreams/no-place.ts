// Why an upstream has no place for a call, whatever becomes of its endpoints.

import type { Diagnosis } from '../diagnosis/diagnosis.ts';

export function streamsFull(upstream: string, most: number): Diagnosis {
  return {
    token: 'upstream_streams_full',
    sentence: `${most} calls run at upstream ${upstream} already (limits.streams).`,
  };
}

export function queueFull(upstream: string, most: number): Diagnosis {
  return {
    token: 'upstream_queue_full',
    sentence: `${most} calls wait for upstream ${upstream} already (limits.pending).`,
  };
}
