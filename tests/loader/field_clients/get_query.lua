-- GET with `key` and `resource` in the address, and only `valid` and `error` are read.
local address = GetConvar("field_url", "") .. "?key=" .. GetConvar("field_key", "")
    .. "&resource=" .. GetCurrentResourceName()

PerformHttpRequest(address, function(status, text, headers)
    local answer = json.decode(text)
    if answer.valid == true and answer.error == nil then
        print("authorised")
    else
        print("refused: " .. answer.error)
    end
end)
