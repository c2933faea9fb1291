"""What a user may set: accounts, policies, and the files they are kept in."""
