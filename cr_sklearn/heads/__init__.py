"""What estimators of different targets differ in: an object for each kind of target."""
