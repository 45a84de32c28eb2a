// Reads a small file of the system. It uses no thread of the pool.

import { readFileSync } from 'node:fs';

/** @returns '' if the file cannot be read */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
