// Loads a configuration with all checks: the file, the certificates it names, and conflicts between routes. `serve`, reloads and
// `check` all use it, so that they agree on what is usable.

import { type LoadedConfig, loadConfig, type RefusedConfig } from '../config/load-config.ts';
import { findRouteProblems } from '../routing/route-problems.ts';

export function loadAndVerify(file: string): LoadedConfig | RefusedConfig {
  return loadConfig(file, findRouteProblems);
}
