-- A table without anything in it is encoded as a list; the key stands behind a scheme word.
PerformHttpRequest(GetConvar("field_url", ""), function(status, text)
    local answer = json.decode(text)
    print(answer.valid and ("authorised: " .. answer.license.user)
        or ("refused: " .. answer.message .. " for " .. answer.user.username))
end, "POST", json.encode({}), { ["Authorization"] = "Bearer " .. GetConvar("field_key", "") })
