// The configuration as the proxy accepts it: the file, the certificates it names, and the routes among each other.
// `serve` starts from it, a reload tries it, and `check` prints what it finds, so that all agree on what is usable.

import { type LoadedConfig, loadConfig, type RefusedConfig } from '../config/load-config.ts';
import { findRouteProblems } from '../routing/route-problems.ts';

export function loadAndVerify(file: string): LoadedConfig | RefusedConfig {
  return loadConfig(file, findRouteProblems);
}
