import { spawnSync } from 'node:child_process';

/**
 * Variables a child gets, where they are set: finding libraries and hardware drivers, nothing else. Proxy settings
 * would send a child around the ways out that are guarded, and FFREPORT makes FFmpeg write files.
 */
const PASSED_ON = [
  'PATH',
  'LD_LIBRARY_PATH',
  'LIBVA_DRIVER_NAME',
  'LIBVA_DRIVERS_PATH',
  'LIBVA_MESSAGING_LEVEL',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'NVIDIA_DRIVER_CAPABILITIES',
  'ONEVPL_SEARCH_PATH',
  'TZ',
] as const;

export function childEnvironment(parent: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const env: Record<string, string> = { LC_ALL: 'C' };
  for (const name of PASSED_ON) {
    const value = parent[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

let prefix: readonly string[] | undefined;

/**
 * The command put in front of a child so that the kernel kills it when we die, by whatever signal: util-linux's
 * `setpriv --pdeathsig`. Empty where it is missing (other systems, or busybox, whose setpriv lacks the option);
 * there a child dies of its closed output pipe instead. Looked for once per process, by trying it (some ms).
 */
export function deathSignalPrefix(): readonly string[] {
  prefix ??= probeSetpriv();
  return prefix;
}

function probeSetpriv(): readonly string[] {
  if (process.platform !== 'linux') return [];
  const command = ['setpriv', '--pdeathsig', 'KILL'];
  const trial = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], {
    stdio: 'ignore',
    timeout: 2000,
    env: childEnvironment(),
  });
  return trial.status === 0 ? command : [];
}
