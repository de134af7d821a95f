-- The key alone in the Authorization header, no body at all, and both names of the user in a message.
PerformHttpRequest(GetConvar("field_url", ""), function(status, text, headers)
    local answer = json.decode(text)
    local who = answer.user.username .. "#" .. answer.user.discriminator
    if answer.valid then
        print("authorised: licensed to " .. who)
    else
        print("refused: " .. answer.message .. " [" .. who .. "]")
    end
end, "POST", "", { ["Authorization"] = GetConvar("field_key", "") })
