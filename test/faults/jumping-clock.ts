// Loaded in front of a process under test: SIGUSR2 puts its wall clock an hour ahead, then an hour back, in turn. The
// monotonic clock is left alone, as the system does.

const HOUR_MS = 3_600_000;
const realNow = Date.now.bind(Date);
let jumpMs = 0;

Date.now = () => realNow() + jumpMs;
process.on('SIGUSR2', () => {
  jumpMs = jumpMs > 0 ? -HOUR_MS : HOUR_MS;
});
