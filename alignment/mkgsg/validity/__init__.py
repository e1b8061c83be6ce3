"""The checks of an item, each a function from the item as it is read to a reason or None. `alignment.mkgsg.validate` puts them in order."""
