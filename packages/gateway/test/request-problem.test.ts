import { z } from 'zod';
import { problemsOf } from '../src/http/request-problem.ts';
import { detectionSettings } from '../src/schemas/detection-settings.ts';

const schema = z.object(detectionSettings);

function reasons(body: unknown): string[] {
  const { error } = schema.safeParse(body);
  return error ? problemsOf(error, 'body').map(({ path, reason }) => `${path} ${reason}`) : [];
}

test('a number out of its range is told its range, another type its type', () => {
  expect(reasons({ silence_threshold_db: 5, silence_duration: 0, slow_source_speed: -1 })).toEqual([
    'slow_source_speed must be at least 0',
    'silence_threshold_db must be at most 0',
    'silence_duration must be more than 0',
  ]);
  expect(reasons({ silence_failover_threshold: 0, silence_check_interval: 'often' })).toEqual([
    'silence_check_interval must be a number',
    'silence_failover_threshold must be at least 1',
  ]);
});

test('listening may begin at once, as the setting for all streams may say', () => {
  expect(reasons({ silence_monitoring_grace_period: 0 })).toEqual([]);
});
