/** Sends a signal to every process of the group that `pid` leads. False if there is none left. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    // ESRCH: all gone. EPERM cannot happen to our own children, and nothing could be done about it.
    return false;
  }
}
