"""A country's staging system: which one it is, a stand-in for it, and farmers to fill it with."""
