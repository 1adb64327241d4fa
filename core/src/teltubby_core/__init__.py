"""What bot, worker and command line share: the domain, its ports and the one way an item is archived."""
