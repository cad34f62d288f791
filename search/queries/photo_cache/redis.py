"""Keeps photos in Redis, which counts their bytes in scripts: each of them is one step.

The keys are computed in the scripts, so this needs a single server and not a Redis Cluster. If the
server itself removes keys (`maxmemory`), entries are missing and the sums too high until they
expire.
"""

from functools import cache
from math import ceil

from redis import Redis

LEVELS = 128  # see `Store`
ROW = 600  # bytes of an entry in the indexes
INDEX_SECONDS = 2 * 60 * 60  # how long indexes outlive the last change; an entry lives for less
SWEPT_AT_ONCE = 500  # entries, because nobody else is served while a script runs

# Bytes are counted by client, and for all together under the name "". A client's rank is its level
# before a factor, and within a level higher for those who came earlier.
REMOVE = """
local function count(client, bytes, level, now)
    local held = redis.call('HINCRBY', 'photos:bytes', client, bytes)
    if held <= 0 then
        redis.call('HDEL', 'photos:bytes', client)
        redis.call('ZREM', 'photos:rank', client)
    elseif client ~= '' then
        local rank = redis.call('ZSCORE', 'photos:rank', client)
        local since = rank and rank % 1e13 or 1e13 - math.floor(now * 1000)
        redis.call('ZADD', 'photos:rank', math.floor(held / level) * 1e13 + since, client)
    end
end
local function remove(name, level)
    local row = redis.call('HGET', 'photos:rows', name)
    redis.call('UNLINK', 'photos:entry:' .. name)
    redis.call('ZREM', 'photos:expiry', name)
    if not row then return end
    local bytes, client = row:match('^(%d+) (.*)$')
    redis.call('HDEL', 'photos:rows', name)
    redis.call('ZREM', 'photos:of:' .. client, name)
    count(client, -bytes, level)
    count('', -bytes, level)
end
"""
PUT = f"""
local name, data, client = ARGV[1], ARGV[2], ARGV[3]
local share, budget, level = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local expires, now = tonumber(ARGV[7]), tonumber(ARGV[8])
remove(name, level)
redis.call('SET', 'photos:entry:' .. name, data, 'EX', math.max(1, math.ceil(expires - now)))
local bytes = redis.call('MEMORY', 'USAGE', 'photos:entry:' .. name) + {ROW}
if bytes > share then
    redis.call('UNLINK', 'photos:entry:' .. name)
    return redis.error_reply('There is no room for this photo within the limits.')
end
local function remove_beyond(limit, of)
    while tonumber(redis.call('HGET', 'photos:bytes', of) or 0) > limit do
        local holder = of == '' and redis.call('ZREVRANGE', 'photos:rank', 0, 0)[1] or of
        local oldest = redis.call('ZPOPMIN', 'photos:of:' .. holder)[1]
        if oldest then
            remove(oldest, level)
        else  -- the server has lost keys
            redis.call('HDEL', 'photos:bytes', holder)
            redis.call('ZREM', 'photos:rank', holder)
        end
    end
end
remove_beyond(share - bytes, client)
remove_beyond(budget - bytes, '')
redis.call('HSET', 'photos:rows', name, bytes .. ' ' .. client)
redis.call('ZADD', 'photos:expiry', expires, name)
redis.call('ZADD', 'photos:of:' .. client, expires, name)
count(client, bytes, level, now)
count('', bytes, level, now)
for _, key in ipairs({{'rows', 'expiry', 'rank', 'bytes', 'of:' .. client}}) do
    redis.call('EXPIRE', 'photos:' .. key, {INDEX_SECONDS})
end
"""
SWEEP = f"""
local names = redis.call(
    'ZRANGE', 'photos:expiry', '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, {SWEPT_AT_ONCE}
)
for _, name in ipairs(names) do remove(name, tonumber(ARGV[2])) end
return #names
"""


class PhotosInRedis:
    """Entries in Redis, within `budget` bytes, of which one client has at most `share`."""

    def __init__(self, url: str, *, budget: int, share: int) -> None:
        self._budget = budget
        self._share = share
        self._level = ceil(budget / LEVELS)
        self._redis = connect(url)
        self._put = self._redis.register_script(REMOVE + PUT)
        self._sweep = self._redis.register_script(REMOVE + SWEEP)

    def put(self, name: str, data: bytes, *, client: str, expires: float, now: float) -> None:
        """See `Store`. Raises RedisError."""
        limits = self._share, self._budget, self._level
        self._put(args=[name, data, client, *limits, expires, now])

    def get(self, name: str) -> bytes:
        """See `Store`. Raises RedisError."""
        data = self._redis.get(f"photos:entry:{name}")
        return data if isinstance(data, bytes) else b""

    def sweep(self, now: float) -> None:
        """See `Store`. Raises RedisError."""
        while self._sweep(args=[now, self._level]) == SWEPT_AT_ONCE:
            pass


@cache
def connect(url: str) -> Redis:
    """The client of a Redis server, shared by all threads.

    A search works without Redis, so it must not wait for one that hangs.
    """
    return Redis.from_url(url, socket_connect_timeout=0.4, socket_timeout=0.5)
