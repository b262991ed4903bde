-- Replays requests from a file, in order and over again:
--     wrk -t1 -c32 -d10s --latency -s loadtest/wrk/replay.lua http://127.0.0.1:8000 -- FILE [DEPTH]
-- The file holds each request as its length in bytes, a line feed, and the bytes as they go over the wire. DEPTH
-- requests are written together (pipelined). `loadtest requests` writes such files.

local requests, at = {}, 0

function init(args)
   local file = assert(io.open(args[1], "rb"))
   local depth = tonumber(args[2] or "1")
   local group = {}
   while true do
      local length = file:read("*n")
      if not length then break end
      file:read(1)
      group[#group + 1] = file:read(length)
      if #group == depth then
         requests[#requests + 1] = table.concat(group)
         group = {}
      end
   end
   if #requests == 0 then -- fewer requests than the depth: repeat them
      local all = table.concat(group)
      requests[1] = string.rep(all, math.ceil(depth / #group))
   end
   file:close()
end

function request()
   at = at % #requests + 1
   return requests[at]
end
