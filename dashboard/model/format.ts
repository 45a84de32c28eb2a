// How figures are written. A figure is short and has its unit; one that is not known is a dash.

import { LEAST_ONLY_MS } from './histogram.ts';

export const NONE = '–';

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** 0.4, 3.7, 42, 1,234: three digits are enough to see what goes on. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 0.1) return '<0.1';
  return perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** @param part of 1 */
export function formatShare(part: number): string {
  if (part === 0) return '0 %';
  if (part < 0.001) return '<0.1 %';
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}

export function formatBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < SIZES.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${SIZES[unit]}`;
}

/** A latency: 0.4 ms, 12 ms, 1.3 s, 2 min. */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return NONE;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : formatAge(ms);
}

/** A percentile of durations: as `formatMs` has it, or ≥ 5 min where only a lower bound is known. */
export function formatPercentile(ms: number | undefined): string {
  return ms === undefined || ms < LEAST_ONLY_MS ? formatMs(ms) : `≥ ${formatMs(ms)}`;
}

/** How long something has lasted, by its two largest units: 42 s, 3 min 5 s, 2 h 10 min, 4 d 1 h. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(`${minutes} min`, seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(`${hours} h`, minutes % 60, 'min');
  return joined(`${Math.floor(hours / 24)} d`, hours % 24, 'h');
}

function joined(first: string, rest: number, unit: string): string {
  return rest === 0 ? first : `${first} ${rest} ${unit}`;
}

/** The time of day, with the date if it was another day. */
export function formatTime(epochMs: number, nowEpochMs: number): string {
  const time = new Date(epochMs);
  const text = time.toLocaleTimeString('en-GB');
  return time.toDateString() === new Date(nowEpochMs).toDateString()
    ? text
    : `${time.toLocaleDateString('en-CA')} ${text}`;
}

/** @param one such as `call`. @param many its plural, if that is not the same with an s */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
