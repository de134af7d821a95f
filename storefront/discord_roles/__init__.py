"""Discord roles for people with good licences."""
