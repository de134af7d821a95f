-- One resource of a simulated game server: the functions that FXServer gives to server scripts, over
-- a clock that only moves when it is told to. Python drives it through the functions of `host`, with
-- plain values in both directions; nothing of Python is called from here. See fivem.py.

local json, name, folder, store, realOpen = ...

local host = {}
local time = { wall = 0, timer = 0 } -- seconds of the computer's clock; milliseconds of the timer
local threads, handlers, exported, convars, metadata = {}, {}, {}, {}, {}
local requests, callbacks, lines, events, faults = {}, {}, {}, {}, {}
local lastToken, isStopped = 0, false

-- What server scripts do not have.
local clock, date = os.clock, os.date
for _, absent in ipairs({ "io", "require", "package", "dofile", "loadfile", "debug", "python" }) do
    _G[absent] = nil
end
os = { clock = clock, date = date, time = function() return time.wall // 1 | 0 end }

local function resume(thread, ...)
    local ok, pause = coroutine.resume(thread, ...)
    if not ok then
        faults[#faults + 1] = tostring(pause)
    elseif coroutine.status(thread) ~= "dead" then
        threads[#threads + 1] = { thread = thread, at = time.timer + (pause or 0) }
    end
end

local function start(pause, fn)
    threads[#threads + 1] = { thread = coroutine.create(fn), at = time.timer + pause }
end

json = { encode = json.encode, decode = json.decode }
_G.json = json
Citizen = {}
function Citizen.Wait(pause) coroutine.yield(pause) end
function Citizen.CreateThread(fn) start(0, fn) end
function Citizen.SetTimeout(pause, fn) start(pause, fn) end
Wait, CreateThread, SetTimeout = Citizen.Wait, Citizen.CreateThread, Citizen.SetTimeout

function IsDuplicityVersion() return true end
-- 32 bits with a sign, as there.
function GetGameTimer() return (time.timer + 0x80000000 & 0xffffffff) - 0x80000000 end
function GetCurrentResourceName() return name end
function GetConvar(key, default) return convars[key] or default end
function GetResourceMetadata(resource, key, index)
    return resource == name and metadata[key] and metadata[key][index + 1] or nil
end

function print(...)
    local parts = {}
    for i = 1, select("#", ...) do
        parts[i] = tostring((select(i, ...)))
    end
    lines[#lines + 1] = table.concat(parts, "\t")
end

local function inside(path)
    assert(not path:find("..", 1, true) and path:sub(1, 1) ~= "/", "outside of the resource")
    return folder .. "/" .. path
end

local function read(path)
    local file = realOpen(path, "rb")
    local text = file and file:read("a")
    if file then file:close() end
    return text
end

local function write(path, text)
    local file = realOpen(path, "wb")
    if not file then return false end
    file:write(text)
    file:close()
    return true
end

function LoadResourceFile(resource, path)
    return resource == name and read(inside(path)) or nil
end

function SaveResourceFile(resource, path, text, length)
    if resource ~= name then return false end
    return write(inside(path), length >= 0 and text:sub(1, length) or text)
end

function GetResourceKvpString(key) return read(store .. "/" .. name .. "." .. key) end
function SetResourceKvp(key, value) write(store .. "/" .. name .. "." .. key, value) end

function AddEventHandler(event, fn)
    handlers[event] = handlers[event] or {}
    table.insert(handlers[event], fn)
end

function RegisterNetEvent(event, fn)
    if fn then AddEventHandler(event, fn) end
end
RegisterServerEvent = RegisterNetEvent

function TriggerEvent(event, ...)
    events[#events + 1] = { event, ... }
    for _, fn in ipairs(handlers[event] or {}) do
        resume(coroutine.create(fn), ...)
    end
end

exports = setmetatable({}, {
    __call = function(_, key, fn) exported[key] = fn end,
    __index = function(_, resource)
        assert(resource == name, "no such export in resource " .. tostring(resource))
        return setmetatable({}, {
            __index = function(_, key)
                return function(_, ...) return exported[key](...) end
            end,
        })
    end,
})

function StopResource(resource)
    if resource == name and not isStopped then
        TriggerEvent("onResourceStop", name)
        isStopped, threads = true, {}
        return true
    end
    return false
end

function PerformHttpRequest(url, callback, method, data, headers, options)
    local follow = true
    if options and options.followLocation ~= nil then
        follow = options.followLocation
    end
    lastToken = lastToken + 1
    callbacks[lastToken] = callback
    for key, value in pairs(headers or {}) do
        assert(type(value) == "string", "the value of the header " .. key .. " is not a string")
    end
    requests[#requests + 1] = {
        token = lastToken, url = url, method = method or "GET", data = data or "", follow = follow,
        headers = headers or {},
    }
end

-- For Python ----------------------------------------------------------------------------------

function host.setTime(wall, timer) time.wall, time.timer = wall, timer end
function host.setConvar(key, value) convars[key] = value end

-- Run a manifest and answer with the server scripts it names, one a line.
function host.readManifest(text)
    local scripts = {}
    local words = setmetatable({}, {
        __index = function(_, word)
            return function(value)
                for _, item in ipairs(type(value) == "table" and value or { value }) do
                    local key = word:gsub("_scripts$", "_script")
                    metadata[key] = metadata[key] or {}
                    table.insert(metadata[key], item)
                    if key == "server_script" or key == "shared_script" then
                        table.insert(scripts, item)
                    end
                end
            end
        end,
    })
    assert(load(text, "@fxmanifest.lua", "t", words))()
    return table.concat(scripts, "\n")
end

function host.run(text, path)
    local chunk, why = load(text, "@" .. path, "t")
    if chunk then
        resume(coroutine.create(chunk))
    else
        faults[#faults + 1] = why
    end
end

-- When something wants to run next, in milliseconds of the timer; -1 for never.
function host.nextWake()
    local first = -1
    for _, waiting in ipairs(threads) do
        if first < 0 or waiting.at < first then first = waiting.at end
    end
    return isStopped and -1 or math.ceil(first)
end

function host.runDue()
    local due, later = {}, {}
    for _, waiting in ipairs(threads) do
        table.insert(waiting.at <= time.timer and due or later, waiting)
    end
    threads = later
    for _, waiting in ipairs(due) do
        if not isStopped then resume(waiting.thread) end
    end
end

function host.takeRequests()
    local taken = json.encode(requests)
    requests = {}
    return taken
end

-- The answer to a request; `body` is nil for every failure, as on the real server.
function host.answer(token, status, body, headers, detail)
    local callback = callbacks[token]
    callbacks[token] = nil
    if callback and not isStopped then
        resume(coroutine.create(callback), status, body, json.decode(headers), detail)
    end
end

function host.callExport(key) return json.encode(exported[key]()) end
function host.trigger(event, ...) TriggerEvent(event, ...) end
function host.stop() StopResource(name) end
function host.isStopped() return isStopped end
function host.console() return json.encode(lines) end
function host.events() return json.encode(events) end
function host.faults() return json.encode(faults) end

return host
