"""One function per thing that a caller may ask for; reads too."""
