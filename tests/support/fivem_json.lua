-- JSON for the simulated game server, with the real one's habits: an empty table is a list, `null`
-- is nil, whole numbers are integers, what cannot be read raises. Returns { encode, decode }.

local json = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(text)
    return '"' .. text:gsub('[%c"\\]', function(symbol)
        return ESCAPES[symbol] or ("\\u%04x"):format(symbol:byte())
    end) .. '"'
end

local encode

local function encodeTable(value)
    local parts = {}
    if next(value) == nil or value[1] ~= nil then
        for _, item in ipairs(value) do
            parts[#parts + 1] = encode(item)
        end
        return "[" .. table.concat(parts, ",") .. "]"
    end
    for name, item in pairs(value) do
        parts[#parts + 1] = quote(tostring(name)) .. ":" .. encode(item)
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
    local kind = type(value)
    if kind == "nil" then
        return "null"
    elseif kind == "boolean" then
        return tostring(value)
    elseif kind == "number" then
        return math.type(value) == "integer" and ("%d"):format(value) or ("%.14g"):format(value)
    elseif kind == "string" then
        return quote(value)
    elseif kind == "table" then
        return encodeTable(value)
    end
    error("cannot encode a " .. kind)
end

json.encode = encode

local UNESCAPED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function fail(at)
    error("bad JSON at " .. at)
end

local function skip(text, at)
    return text:find("[^ \t\r\n]", at) or #text + 1
end

local function readCodePoint(text, at)
    local code = tonumber(text:match("^%x%x%x%x", at) or fail(at), 16)
    if code < 0xd800 or code > 0xdbff then
        return utf8.char(code), at + 4
    end
    local low = tonumber(text:match("^\\u(%x%x%x%x)", at + 4) or fail(at), 16)
    return utf8.char(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)), at + 10
end

local function readString(text, at)
    local parts = {}
    while true do
        local plain = text:match('^[^"\\\0-\31]*', at)
        parts[#parts + 1], at = plain, at + #plain
        local symbol = text:sub(at, at)
        if symbol == '"' then
            return table.concat(parts), at + 1
        elseif symbol ~= "\\" then
            fail(at)
        elseif text:sub(at + 1, at + 1) == "u" then
            parts[#parts + 1], at = readCodePoint(text, at + 2)
        else
            parts[#parts + 1], at = UNESCAPED[text:sub(at + 1, at + 1)] or fail(at), at + 2
        end
    end
end

local readValue

local function readList(text, at)
    local list, n = {}, 0
    at = skip(text, at)
    if text:sub(at, at) == "]" then
        return list, at + 1
    end
    while true do
        n = n + 1
        list[n], at = readValue(text, at)
        at = skip(text, at)
        local symbol = text:sub(at, at)
        if symbol == "]" then
            return list, at + 1
        elseif symbol ~= "," then
            fail(at)
        end
        at = at + 1
    end
end

local function readObject(text, at)
    local object = {}
    at = skip(text, at)
    if text:sub(at, at) == "}" then
        return object, at + 1
    end
    while true do
        local name
        at = skip(text, at)
        if text:sub(at, at) ~= '"' then
            fail(at)
        end
        name, at = readString(text, at + 1)
        at = skip(text, at)
        if text:sub(at, at) ~= ":" then
            fail(at)
        end
        object[name], at = readValue(text, at + 1)
        at = skip(text, at)
        local symbol = text:sub(at, at)
        if symbol == "}" then
            return object, at + 1
        elseif symbol ~= "," then
            fail(at)
        end
        at = at + 1
    end
end

local WORDS = { ["true"] = true, ["false"] = false, ["null"] = nil }

function readValue(text, at)
    at = skip(text, at)
    local symbol = text:sub(at, at)
    if symbol == '"' then
        return readString(text, at + 1)
    elseif symbol == "{" then
        return readObject(text, at + 1)
    elseif symbol == "[" then
        return readList(text, at + 1)
    end
    local word = text:match("^%l+", at)
    if word == "true" or word == "false" or word == "null" then
        return WORDS[word], at + #word
    end
    local number = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
    local value = number and (math.tointeger(number) or tonumber(number)) or fail(at)
    return value, at + #number
end

function json.decode(text)
    local value, at = readValue(text, 1)
    if skip(text, at) <= #text then
        fail(at)
    end
    return value
end

return json
