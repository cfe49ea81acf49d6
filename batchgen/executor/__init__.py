"""Where attempts are made: each sent once, decoded as it arrives, stored. Nothing here ever tries again."""
