"""Pictures and issues recognised by their content: near hashes, issues under other names, copies across splits."""
