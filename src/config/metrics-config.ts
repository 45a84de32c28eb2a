// The resolved form of `metrics`, a part of the configuration.

export interface MetricsConfig {
  /** Whether calls are counted by their gRPC method as well. */
  readonly methods: boolean;
}
