"""What people in the vehicle touch, see and hear; see the README beside this file."""
