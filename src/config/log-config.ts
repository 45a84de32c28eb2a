// The resolved form of `log`, a part of the configuration, and the levels of the log.

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogConfig {
  readonly level: LogLevel;
  /** Whether one record is written per exchange, or which share of those that succeed has one. */
  readonly access: boolean | { readonly successes: number };
  /** Whether each line begins with its priority as in sd-daemon(3), for a journald that reads standard output. */
  readonly syslogPrefix: boolean;
  /** The file that is written instead of standard output. It takes effect at the start of the process. */
  readonly file: string | undefined;
  /** auto: text if standard output is a terminal, else JSON. It takes effect at the start of the process. */
  readonly format: 'auto' | 'json' | 'text';
}
