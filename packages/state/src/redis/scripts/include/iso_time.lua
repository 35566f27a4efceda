-- ms since the epoch as ISO 8601 in UTC, so that operators can read it (proleptic Gregorian calendar, from day numbers).
local function iso(ms)
  local seconds = math.floor(ms / 1000)
  local days = math.floor(seconds / 86400)
  local rest = seconds - days * 86400
  local z = days + 719468
  local era = math.floor(z / 146097)
  local day_of_era = z - era * 146097
  local year_of_era = math.floor((day_of_era - math.floor(day_of_era / 1460)
    + math.floor(day_of_era / 36524) - math.floor(day_of_era / 146096)) / 365)
  local day_of_year = day_of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
  local shifted_month = math.floor((5 * day_of_year + 2) / 153)
  local day = day_of_year - math.floor((153 * shifted_month + 2) / 5) + 1
  local month = shifted_month < 10 and shifted_month + 3 or shifted_month - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
    math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60, ms - seconds * 1000)
end

-- The same backwards; nil for anything else.
local function iso_ms(text)
  local year, month, day, hour, minute, second = string.match(text or '', '^(%d+)-(%d%d)-(%d%d)T(%d%d):(%d%d):([%d.]+)Z$')
  if not year then return nil end
  local y, m = tonumber(year), tonumber(month)
  if m <= 2 then y = y - 1 end
  local era = math.floor(y / 400)
  local year_of_era = y - era * 400
  local day_of_year = math.floor((153 * (m > 2 and m - 3 or m + 9) + 2) / 5) + tonumber(day) - 1
  local day_of_era = year_of_era * 365 + math.floor(year_of_era / 4) - math.floor(year_of_era / 100) + day_of_year
  local seconds = (era * 146097 + day_of_era - 719468) * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60
  return math.floor((seconds + tonumber(second)) * 1000 + 0.5)
end
