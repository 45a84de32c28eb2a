// Loaded into the proxy under attack, and all that is different there: when asked it collects its garbage and tells how
// much memory is in use. The resident size does not: what was freed stays with the process for the next burst.

process.on('message', (message) => {
  // Workers are told other things by their primary process.
  if (message !== 'how much') return;
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.((heapUsed + external) / 1_048_576);
});
// Being asked is no reason to live on.
process.channel?.unref();
